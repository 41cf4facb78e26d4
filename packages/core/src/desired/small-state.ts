/** States written by hand: for a program without Kubernetes, a dry run, a test. */
import type { BalancingAlgorithm } from '../model/balancing.ts';
import type { Family, Protocol } from '../model/family.ts';
import { canonicalAddress, familyOf, formatAddressPort } from '../model/ip.ts';
import { parseServicePortKey, type ServicePortName, servicePortKey } from '../model/service-port-name.ts';
import { addCounts, countsOf, NO_COUNTS } from './counts.ts';
import type {
  ClusterIPMasquerade,
  DesiredEndpoint,
  DesiredNode,
  DesiredServicePort,
  DesiredState,
} from './desired-state.ts';
import { clusterIPForwarding } from './masquerade.ts';
import { REFUSE } from './no-endpoints.ts';

/** Options of `clusterIP`: everything but the frontend and the endpoints. */
export interface ClusterIPOptions {
  /** `namespace/name` or `namespace/name:port`; by default one made of address and port, in the namespace `default`. */
  readonly name?: string;
  /** `TCP` by default. */
  readonly protocol?: Protocol;
  /** Session affinity by client address; none by default. */
  readonly affinitySeconds?: number;
  /** That of the proxy mode by default. */
  readonly balancing?: BalancingAlgorithm;
  /** Of endpoints, by address and port as in `endpoints`, 1-100; 1 by default. */
  readonly weights?: Readonly<Record<string, number>>;
  /** The `clusterIPMasquerade` of the node of the state; `none` by default. */
  readonly masquerade?: ClusterIPMasquerade;
}

/**
 * `clusterIP('10.96.0.10:80', ['10.244.1.5:8080'])`, IPv6 in brackets. Without endpoints, connections are rejected. Throws a
 * RangeError that names the argument if a text is not an address and port, or the name is invalid.
 */
export function clusterIP(
  frontend: string,
  endpoints: readonly string[],
  options: ClusterIPOptions = {},
): DesiredServicePort {
  const { protocol = 'TCP', affinitySeconds, masquerade = 'none' } = options;
  const { address, port } = addressPort('frontend', frontend);
  const all = endpoints.map((text, index) => endpointOf(`endpoints[${index}]`, text, familyOf(address)));
  const sorted = withWeights(distinct(all), options.weights ?? {});
  const name = nameOf(options.name ?? defaultName(address, port), protocol);
  const routes = sorted.length === 0 ? REFUSE : clusterIPForwarding(masquerade, 'cluster');
  return {
    key: servicePortKey(name),
    name,
    frontends: [{ kind: 'cluster-ip', address, port, policy: 'cluster', routes }],
    clusterEndpoints: sorted,
    localEndpoints: [],
    servingEndpoints: sorted,
    affinity: affinitySeconds === undefined ? null : { timeoutSeconds: affinitySeconds },
    balancing: options.balancing ?? null,
    windows: { preserveDestination: false, updateInPlace: true },
  };
}

/** No detection of local pods, no node ports, masquerading of hairpin connections only. */
const PLAIN_NODE: DesiredNode = {
  name: 'this-node',
  localDetector: { kind: 'none' },
  clusterIPMasquerade: 'none',
  nodePortAddresses: { kind: 'ranges', cidrs: [], loopback: false },
  nodePortIPs: [],
  serviceCIDRs: [],
};

/** A state of these service ports and no health checks. */
export function desiredState(
  family: Family,
  servicePorts: readonly DesiredServicePort[],
  node: DesiredNode = PLAIN_NODE,
): DesiredState {
  return {
    family,
    node,
    servicePorts: new Map(servicePorts.map((each) => [each.key, each])),
    healthChecks: new Map(),
    counts: servicePorts.reduce((sum, each) => addCounts(sum, countsOf(each), 1), NO_COUNTS),
  };
}

interface AddressPort {
  readonly address: string;
  readonly port: number;
}

function addressPort(argument: string, text: string): AddressPort {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([\d.]+)):([1-9]\d{0,4})$/.exec(text) ?? [];
  const address = canonicalAddress(bracketed ?? plain ?? '');
  const port = Number(digits);
  if (address === null || !(port <= 65_535)) {
    throw new RangeError(
      `${argument}: ${JSON.stringify(text)} is not an address and port, as 10.96.0.10:80 or [fd00::1]:80`,
    );
  }
  return { address, port };
}

function endpointOf(argument: string, text: string, family: Family): DesiredEndpoint {
  const { address, port } = addressPort(argument, text);
  if (familyOf(address) !== family) {
    throw new RangeError(`${argument}: ${text} is not an ${family} address, as the frontend is`);
  }
  return { address, port, isLocal: false };
}

function withWeights(
  endpoints: readonly DesiredEndpoint[],
  weights: Readonly<Record<string, number>>,
): readonly DesiredEndpoint[] {
  const given = Object.entries(weights).map(([text, weight]) => {
    const { address, port } = addressPort('weights', text);
    const endpoint = endpoints.find((each) => each.address === address && each.port === port);
    if (endpoint === undefined) throw new RangeError(`weights: ${text} is not one of the endpoints`);
    return { ...endpoint, weight };
  });
  const byText = new Map(given.map((each) => [formatAddressPort(each.address, each.port), each]));
  return endpoints.map((each) => byText.get(formatAddressPort(each.address, each.port)) ?? each);
}

/** Sorted as the contract of `clusterEndpoints` requires. */
function distinct(endpoints: readonly DesiredEndpoint[]): readonly DesiredEndpoint[] {
  const byText = new Map(endpoints.map((each) => [`${each.address}:${each.port}`, each]));
  return [...byText].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each);
}

function defaultName(address: string, port: number): string {
  return `default/service-${address.replaceAll(/[.:]/g, '-')}-${port}`;
}

function nameOf(text: string, protocol: Protocol): ServicePortName {
  const name = parseServicePortKey(`${text.includes(':') ? text : `${text}:`}/${protocol}`);
  if (name === null) {
    throw new RangeError(
      `name: ${JSON.stringify(text)} is not a name, as namespace/name or namespace/name:port`,
    );
  }
  return name;
}
