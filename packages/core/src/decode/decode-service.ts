import type { SessionAffinity, TrafficPolicy, WindowsOptions } from '../model/service-policy.ts';
import { PROTOCOLS, type Protocol } from '../model/family.ts';
import type { IgnoredService, ServiceModel, ServicePortModel, ServiceType } from '../model/service.ts';
import { servicePortKey, type ServicePortKey, type ServicePortName } from '../model/service-port-name.ts';
import { readLoadBalancing } from './annotations.ts';
import { decodeConnectionPolicy } from './decode-connection-policy.ts';
import { decodeServiceAddresses } from './decode-service-addresses.ts';
import { decodeProxyProtocol } from './decode-proxy-protocol.ts';
import { readExternalFailover } from './external-failover.ts';
import {
  fields,
  isDnsName,
  isPortNumber,
  items,
  namespacedIdentity,
  text,
  type Decoded,
  type Fields,
  type Identity,
  type ProblemLog,
} from './reader.ts';

const SERVICE_PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** What the API server fills in: three hours. */
const DEFAULT_AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

/** Two booleans: four shared objects instead of one a service. */
const WINDOWS_OPTIONS: readonly WindowsOptions[] = [0, 1, 2, 3].map((bits) =>
  Object.freeze({ preserveDestination: (bits & 1) !== 0, updateInPlace: (bits & 2) !== 0 }),
);
const WINDOWS_DEFAULT: WindowsOptions = { preserveDestination: false, updateInPlace: true };

export function readProtocol(value: unknown): Protocol | null {
  if (value === undefined || value === null) return 'TCP';
  return PROTOCOLS.find((protocol) => protocol === value) ?? null;
}

function portProblem(entry: Fields): readonly [field: string, reason: string] | null {
  const { name, port, nodePort, protocol } = entry;
  if (!isPortNumber(port)) return ['port', 'must be 1-65535'];
  if (readProtocol(protocol) === null) return ['protocol', 'must be TCP, UDP or SCTP'];
  if (text(name) !== '' && !isDnsName(text(name))) return ['name', 'must be a DNS name'];
  const noNodePort = nodePort === undefined || nodePort === null || nodePort === 0;
  return noNodePort || isPortNumber(nodePort) ? null : ['nodePort', 'must be 1-65535'];
}

function decodePorts(spec: Fields, identity: Identity): ServicePortModel[] {
  const { namespace, name, log } = identity;
  const found = new Map<ServicePortKey, ServicePortModel>();
  for (const [index, item] of items(spec['ports']).entries()) {
    const entry = fields(item);
    const field = `spec.ports[${index}]`;
    const problem = portProblem(entry);
    if (problem !== null) {
      log.add(`${field}.${problem[0]}`, entry[problem[0]], problem[1]);
      continue;
    }
    const protocol = readProtocol(entry['protocol']) ?? 'TCP';
    const portName: ServicePortName = { namespace, name, port: text(entry['name']), protocol };
    const key = servicePortKey(portName);
    const { port, nodePort } = entry as { port: number; nodePort?: number | null };
    if (found.has(key)) log.add(`${field}.name`, portName.port, 'names an earlier port of this service');
    else found.set(key, { key, name: portName, port, nodePort: nodePort ?? 0 });
  }
  return [...found.values()];
}

const POLICIES = ['Cluster', 'Local'] as const;

/** A value of an enumeration; if unset, the first. An unknown value (of a newer API) is reported and replaced by the first. */
function readChoice<T extends string>(
  spec: Fields,
  field: string,
  known: readonly [T, ...T[]],
  log: ProblemLog,
): T {
  const value = spec[field];
  const [usual] = known;
  if (value === undefined || value === null || value === '') return usual;
  const found = known.find((word) => word === value);
  if (found === undefined) log.add(`spec.${field}`, value, `must be ${known.join(' or ')}: ${usual} is used`);
  return found ?? usual;
}

function decodeAffinity(spec: Fields, log: ProblemLog): SessionAffinity | null {
  if (readChoice(spec, 'sessionAffinity', ['None', 'ClientIP'], log) === 'None') return null;
  const seconds = fields(fields(spec['sessionAffinityConfig'])['clientIP'])['timeoutSeconds'];
  if (seconds === undefined || seconds === null) return { timeoutSeconds: DEFAULT_AFFINITY_SECONDS };
  const whole = typeof seconds === 'number' && Number.isInteger(seconds);
  if (whole && seconds >= 1 && seconds <= MAX_AFFINITY_SECONDS) return { timeoutSeconds: seconds };
  log.add('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, 'must be 1-86400: 10800 is used');
  return { timeoutSeconds: DEFAULT_AFFINITY_SECONDS };
}

/** S2. */
function internalPolicy(spec: Fields, log: ProblemLog): TrafficPolicy {
  return readChoice(spec, 'internalTrafficPolicy', POLICIES, log) === 'Local' ? 'local' : 'cluster';
}

/** S1: the external policy counts only for services that can be reached from outside. */
function externalPolicy(spec: Fields, log: ProblemLog): TrafficPolicy {
  const type = spec['type'] ?? 'ClusterIP';
  const reachable =
    type === 'LoadBalancer' || type === 'NodePort' || items(spec['externalIPs']).some((ip) => ip !== '');
  const policy = readChoice(spec, 'externalTrafficPolicy', POLICIES, log);
  return reachable && policy === 'Local' ? 'local' : 'cluster';
}

/** F140. */
function healthCheckNodePort(spec: Fields, log: ProblemLog): number {
  const port = spec['healthCheckNodePort'];
  if (port === undefined || port === null || port === 0) return 0;
  if (!isPortNumber(port)) {
    log.add('spec.healthCheckNodePort', port, 'must be 1-65535');
    return 0;
  }
  return spec['type'] === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local' ? port : 0;
}

function decodeWindows(metadata: Fields): WindowsOptions {
  const annotations = fields(metadata['annotations']);
  const preserve = annotations['preserve-destination'] === 'true' ? 1 : 0;
  const inPlace = text(annotations['winProxyOptimization']).toLowerCase() === 'disabled' ? 0 : 2;
  return WINDOWS_OPTIONS[preserve + inPlace] ?? WINDOWS_DEFAULT;
}

/** F132, S29: headless Services, ExternalName Services and those of another service proxy are ignored. */
function whyIgnored(spec: Fields, labels: Fields): IgnoredService | null {
  if (SERVICE_PROXY_NAME_LABEL in labels) return 'other-proxy';
  if (spec['type'] === 'ExternalName') return 'external-name';
  const first = text(spec['clusterIP']) || text(items(spec['clusterIPs'])[0]);
  if (first === 'None') return 'headless';
  return first === '' ? 'no-cluster-ip' : null;
}

/** For display only: behaviour is decided by the other fields, not by the type. */
function serviceType(spec: Fields): ServiceType {
  const type = spec['type'];
  return type === 'NodePort' || type === 'LoadBalancer' ? type : 'ClusterIP';
}

export interface DecodedService extends Decoded<ServiceModel> {
  /** Null if it is served, or if its name could not be read. */
  readonly ignored: IgnoredService | null;
}

/** A Service as parsed JSON. `kind` and `apiVersion` may be missing, as in list items. */
export function decodeService(object: unknown): DecodedService {
  const identity = namespacedIdentity('Service', object);
  if (!('metadata' in identity)) return { ...identity, ignored: null };
  const { key, metadata, log } = identity;
  const spec = fields(fields(object)['spec']);
  const labels = fields(metadata['labels']);
  const ignored = whyIgnored(spec, labels);
  if (ignored !== null) return { key, value: null, problems: [], ignored };
  const addresses = decodeServiceAddresses(fields(object), log);
  const ports = decodePorts(spec, identity);
  if (Object.keys(addresses).length === 0 || ports.length === 0) {
    return {
      key,
      value: null,
      problems: log.found,
      ignored: ports.length === 0 ? 'no-usable-port' : 'no-usable-address',
    };
  }
  const value: ServiceModel = {
    key,
    type: serviceType(spec),
    created: text(metadata['creationTimestamp']),
    ports,
    addresses,
    internalPolicy: internalPolicy(spec, log),
    externalPolicy: externalPolicy(spec, log),
    externalFailover: readExternalFailover(metadata, spec, log),
    affinity: decodeAffinity(spec, log),
    balancing: readLoadBalancing(metadata, log),
    healthCheckNodePort: healthCheckNodePort(spec, log),
    proxyProtocol: decodeProxyProtocol(metadata, log),
    headless: HEADLESS_LABEL in labels,
    windows: decodeWindows(metadata),
    connections: decodeConnectionPolicy(metadata, log),
  };
  return { key, value, problems: log.found, ignored: null };
}
