/** Whether a value is what the contract in `desired-state.ts` calls a service port, a health check, a node. */
import { BALANCING_ALGORITHMS, DEFAULT_WEIGHT, MAX_WEIGHT } from '../model/balancing.ts';
import { PROTOCOLS, type Family } from '../model/family.ts';
import { PROXY_PROTOCOLS } from '../model/proxy-protocol.ts';
import { objectKey, servicePortKey, type ServicePortName } from '../model/service-port-name.ts';
import { checkConnectionPolicy } from './validate-connection-policy.ts';
import {
  address,
  anyAddress,
  anyCidr,
  at,
  cidr,
  dnsName,
  each,
  interfaceName,
  isFields,
  isNot,
  isTrueOrFalse,
  mapping,
  nodeName,
  nonEmpty,
  oneOf,
  port,
  wholeNumber,
  type Fields,
  type Problem,
} from './validate-values.ts';

export interface ServicePortRules {
  readonly family: Family;
  /**
   * IPv6 endpoints and source ranges that were found valid: frontends, sets and states share them. A look-up costs less
   * than a check, and a WeakSet releases what is no longer used. For an IPv4 endpoint the check costs less than the entry.
   */
  readonly known: WeakSet<object>;
}

export function checkServicePort(value: unknown, rules: ServicePortRules): Problem {
  if (!isFields(value)) return mapping(value);
  const endpoint = (element: unknown): Problem => checkEndpoint(element, rules);
  return (
    at('.name', checkName(value['name'])) ??
    at('.key', checkKey(value['key'], servicePortKey(value['name'] as ServicePortName))) ??
    at(
      '.frontends',
      each(value['frontends'], (element) => checkFrontend(element, rules)),
    ) ??
    at('.frontends', nonEmpty(value['frontends'])) ??
    at('.clusterEndpoints', each(value['clusterEndpoints'], endpoint)) ??
    at('.localEndpoints', each(value['localEndpoints'], endpoint)) ??
    at('.servingEndpoints', each(value['servingEndpoints'], endpoint)) ??
    at('.proxyProtocol', checkProxyProtocol(value['proxyProtocol'])) ??
    at('.affinity', checkAffinity(value['affinity'])) ??
    at('.balancing', checkBalancing(value['balancing'])) ??
    at('.windows', checkWindows(value['windows'])) ??
    at('.connections', checkConnectionPolicy(value['connections']))
  );
}

function checkName(value: unknown): Problem {
  if (!isFields(value)) return mapping(value);
  return (
    at('.namespace', dnsName(value['namespace'])) ??
    at('.name', dnsName(value['name'])) ??
    at('.port', value['port'] === '' ? null : dnsName(value['port'])) ??
    at('.protocol', oneOf(value['protocol'], PROTOCOLS))
  );
}

function checkKey(value: unknown, wanted: string): Problem {
  return value === wanted ? null : isNot(value, `the key of this name, ${JSON.stringify(wanted)}`);
}

const FRONTEND_KINDS = ['cluster-ip', 'external-ip', 'load-balancer', 'node-port'] as const;
const POLICIES = ['cluster', 'local'] as const;
const SOURCES = ['local-pods', 'node', 'any'] as const;
const TARGETS = ['cluster', 'local', 'reject', 'drop', 'pass'] as const;

function checkFrontend(value: unknown, rules: ServicePortRules): Problem {
  if (!isFields(value)) return mapping(value);
  const { kind } = value;
  const hasRanges = kind === 'load-balancer' && value['sourceRanges'] !== null;
  return (
    at('.kind', oneOf(kind, FRONTEND_KINDS)) ??
    at('.address', kind === 'node-port' ? null : address(value['address'], rules.family)) ??
    at('.port', port(value['port'])) ??
    at('.policy', oneOf(value['policy'], POLICIES)) ??
    at('.routes', each(value['routes'], checkRoute)) ??
    at('.routes', checkLastRoute(value['routes'])) ??
    at('.sourceRanges', hasRanges ? checkSourceRanges(value['sourceRanges'], rules) : null)
  );
}

function checkRoute(value: unknown): Problem {
  if (!isFields(value)) return mapping(value);
  return (
    at('.source', oneOf(value['source'], SOURCES)) ??
    at('.target', oneOf(value['target'], TARGETS)) ??
    at('.masquerade', isTrueOrFalse(value['masquerade']))
  );
}

/** Without a route for all sources, a packet could match no route. */
function checkLastRoute(routes: unknown): Problem {
  const last = (routes as readonly Fields[]).at(-1);
  return last?.['source'] === 'any' ? null : ": the last route is not for source 'any'";
}

function checkSourceRanges(value: unknown, { family, known }: ServicePortRules): Problem {
  if (!isFields(value)) return mapping(value);
  if (known.has(value)) return null;
  const { cidrs, alsoAddresses } = value;
  const problem =
    at('.cidrs', each(cidrs, (element) => cidr(element, family)) ?? nonEmpty(cidrs)) ??
    at(
      '.alsoAddresses',
      each(alsoAddresses, (element) => address(element, family)),
    );
  if (problem === null) known.add(value);
  return problem;
}

function checkEndpoint(value: unknown, { family, known }: ServicePortRules): Problem {
  if (!isFields(value)) return mapping(value);
  const isRemembered = family === 'IPv6';
  if (isRemembered && known.has(value)) return null;
  const problem =
    at('.address', address(value['address'], family)) ??
    at('.port', port(value['port'])) ??
    at('.isLocal', isTrueOrFalse(value['isLocal'])) ??
    at('.weight', checkWeight(value['weight']));
  if (isRemembered && problem === null) known.add(value);
  return problem;
}

function checkWeight(value: unknown): Problem {
  return value === undefined ? null : wholeNumber(value, DEFAULT_WEIGHT, MAX_WEIGHT);
}

function checkBalancing(value: unknown): Problem {
  return value === null ? null : oneOf(value, BALANCING_ALGORITHMS);
}

function checkAffinity(value: unknown): Problem {
  if (value === null) return null;
  if (!isFields(value)) return mapping(value);
  return at('.timeoutSeconds', wholeNumber(value['timeoutSeconds'], 1, 86_400));
}

function checkProxyProtocol(value: unknown): Problem {
  return value === undefined ? null : oneOf(value, PROXY_PROTOCOLS);
}

function checkWindows(value: unknown): Problem {
  if (!isFields(value)) return mapping(value);
  return (
    at('.preserveDestination', isTrueOrFalse(value['preserveDestination'])) ??
    at('.updateInPlace', isTrueOrFalse(value['updateInPlace']))
  );
}

export function checkHealthCheck(value: unknown): Problem {
  if (!isFields(value)) return mapping(value);
  const { namespace, name } = value;
  return (
    at('.namespace', dnsName(namespace)) ??
    at('.name', dnsName(name)) ??
    at('.key', checkKey(value['key'], objectKey(namespace as string, name as string))) ??
    at('.port', port(value['port'])) ??
    at('.localEndpoints', wholeNumber(value['localEndpoints'], 0, Number.MAX_SAFE_INTEGER))
  );
}

export function checkNode(value: unknown, family: Family): Problem {
  if (!isFields(value)) return mapping(value);
  const cidrs = (list: unknown): Problem => each(list, (element) => cidr(element, family));
  return (
    at('.name', nodeName(value['name'])) ??
    at('.localDetector', checkDetector(value['localDetector'], cidrs)) ??
    at('.clusterIPMasquerade', oneOf(value['clusterIPMasquerade'], CLUSTER_IP_MASQUERADE)) ??
    at('.nodePortAddresses', checkNodePortAddresses(value['nodePortAddresses'], cidrs)) ??
    at('.nodePortIPs', each(value['nodePortIPs'], anyAddress)) ??
    at('.serviceCIDRs', each(value['serviceCIDRs'], anyCidr))
  );
}

const CLUSTER_IP_MASQUERADE = ['none', 'not-local-pods', 'all'] as const;
const DETECTORS = ['none', 'cidrs', 'interface', 'interface-prefix'] as const;

function checkDetector(value: unknown, cidrs: (list: unknown) => Problem): Problem {
  if (!isFields(value)) return mapping(value);
  switch (value['kind']) {
    case 'cidrs':
      return at('.cidrs', cidrs(value['cidrs']) ?? nonEmpty(value['cidrs']));
    case 'interface':
      return at('.name', interfaceName(value['name']));
    case 'interface-prefix':
      return at('.prefix', interfaceName(value['prefix']));
    default:
      return at('.kind', oneOf(value['kind'], DETECTORS));
  }
}

function checkNodePortAddresses(value: unknown, cidrs: (list: unknown) => Problem): Problem {
  if (!isFields(value)) return mapping(value);
  return (
    at('.kind', oneOf(value['kind'], ['any-local', 'ranges'])) ??
    at('.cidrs', value['kind'] === 'ranges' ? cidrs(value['cidrs']) : null) ??
    at('.loopback', isTrueOrFalse(value['loopback']))
  );
}
