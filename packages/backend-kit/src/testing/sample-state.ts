/** Desired states made by hand, of either family and any size: for the contract test, benchmarks and examples. */
import {
  desiredState,
  FAMILIES,
  fullChange,
  servicePortKey,
  type ChangeSet,
  type DesiredChange,
  type DesiredEndpoint,
  type DesiredNode,
  type DesiredServicePort,
  type DesiredState,
  type Family,
  type Frontend,
  type Protocol,
  type Route,
  type ServicePortName,
} from '@signalbox/core';

/** Address ranges of the samples, documented as such: pods, services, the node, the outside. */
const PLAN = {
  IPv4: {
    node: '192.0.2.10',
    pods: '10.244.0.0/16',
    services: '10.96.0.0/12',
    pod: (hi: number, lo: number) => `10.244.${hi}.${lo}`,
    service: (hi: number, lo: number) => `10.96.${hi}.${lo}`,
    outside: (lo: number) => `203.0.113.${lo}`,
  },
  IPv6: {
    node: '2001:db8::10',
    pods: 'fd00:10:244::/56',
    services: 'fd00:10:96::/112',
    pod: (hi: number, lo: number) => `fd00:10:244:${hex(hi + 1)}::${hex(lo + 1)}`,
    service: (hi: number, lo: number) => `fd00:10:96::${hex((hi << 8) + lo + 1)}`,
    outside: (lo: number) => `2001:db8:113::${hex(lo + 1)}`,
  },
} as const;

function hex(value: number): string {
  return value.toString(16);
}

const LOCAL_PODS: Route = { source: 'local-pods', target: 'cluster', masquerade: false, rule: 'S35' };
const ANY_MASQUERADED: Route = { source: 'any', target: 'cluster', masquerade: true, rule: 'S35' };
/** Routes to all endpoints; connections from other sources than local pods are masqueraded (S35). */
export const TO_CLUSTER: readonly Route[] = Object.freeze([LOCAL_PODS, ANY_MASQUERADED]);
/** Routes of a service port without endpoints: every connection is rejected (S23). */
export const REFUSED: readonly Route[] = Object.freeze([
  { source: 'any', target: 'reject', masquerade: false, rule: 'S23' },
]);
const TO_LOCAL: readonly Route[] = Object.freeze([
  LOCAL_PODS,
  { source: 'node', target: 'cluster', masquerade: true, rule: 'S22' },
  { source: 'any', target: 'local', masquerade: false, rule: 'S22' },
]);

const NODES = new Map(FAMILIES.map((family) => [family, makeNode(family)]));

/** The same object each time. */
export function sampleNode(family: Family): DesiredNode {
  return NODES.get(family) ?? makeNode(family);
}

function makeNode(family: Family): DesiredNode {
  const { node, pods, services } = PLAN[family];
  return {
    name: 'node-a',
    localDetector: { kind: 'cidrs', cidrs: [pods] },
    clusterIPMasquerade: 'not-local-pods',
    nodePortAddresses: { kind: 'any-local', loopback: false },
    nodePortIPs: [node],
    serviceCIDRs: [services],
  };
}

/** `count` endpoints of service number `index` on port 8080; every second one runs on this node. */
export function sampleEndpoints(family: Family, index: number, count: number): readonly DesiredEndpoint[] {
  const endpoints = Array.from({ length: count }, (_, at): DesiredEndpoint => {
    const number = index * 16 + at;
    return {
      address: PLAN[family].pod((number >> 8) & 255, number & 255),
      port: 8080,
      isLocal: at % 2 === 0,
    };
  });
  return endpoints.toSorted((one, other) => (one.address < other.address ? -1 : 1));
}

/** Properties of a sample service port that differ from the defaults: index 0, TCP, two endpoints. */
export interface SampleServicePort {
  /** Determines the addresses and the node port. */
  readonly index?: number;
  readonly name?: string;
  readonly protocol?: Protocol;
  /** Number of endpoints; without any, connections are refused. */
  readonly endpoints?: number;
  /** A node port and a load-balancer address besides the cluster IP. */
  readonly exposed?: 'cluster' | 'local';
  readonly sourceRanges?: readonly string[];
  readonly affinitySeconds?: number;
}

/** Service port `shop/<name>:http`. */
export function sampleServicePort(family: Family, shape: SampleServicePort = {}): DesiredServicePort {
  const { index = 0, endpoints = 2, name = `service-${index}` } = shape;
  return servicePort(
    { namespace: 'shop', name, port: 'http', protocol: shape.protocol ?? 'TCP' },
    frontendsOf(family, index, shape),
    sampleEndpoints(family, index, endpoints),
    shape.affinitySeconds,
  );
}

/** All endpoints serve, and all are chosen. */
export function servicePort(
  name: ServicePortName,
  frontends: readonly Frontend[],
  endpoints: readonly DesiredEndpoint[],
  affinitySeconds?: number,
): DesiredServicePort {
  return {
    key: servicePortKey(name),
    name,
    frontends,
    clusterEndpoints: endpoints,
    localEndpoints: endpoints.filter(({ isLocal }) => isLocal),
    servingEndpoints: endpoints,
    affinity: affinitySeconds === undefined ? null : { timeoutSeconds: affinitySeconds },
    balancing: null,
    windows: { preserveDestination: false, updateInPlace: true },
  };
}

function frontendsOf(family: Family, index: number, shape: SampleServicePort): readonly Frontend[] {
  const { endpoints = 2, exposed, sourceRanges } = shape;
  const [hi, lo] = [(index >> 8) & 255, index & 255];
  const to = (routes: readonly Route[]): readonly Route[] => (endpoints === 0 ? REFUSED : routes);
  const clusterIP: Frontend = {
    kind: 'cluster-ip',
    address: PLAN[family].service(hi, lo),
    port: 80,
    policy: 'cluster',
    routes: to(TO_CLUSTER),
  };
  if (exposed === undefined) return [clusterIP];
  const outside = { policy: exposed, routes: to(exposed === 'local' ? TO_LOCAL : [ANY_MASQUERADED]) };
  const ranges = sourceRanges === undefined ? null : { cidrs: sourceRanges, alsoAddresses: [] };
  return [
    clusterIP,
    { kind: 'load-balancer', address: PLAN[family].outside(lo), port: 80, sourceRanges: ranges, ...outside },
    { kind: 'node-port', port: 30_000 + index, ...outside },
  ];
}

/** A state of these service ports on the sample node, or on another one. */
export function sampleStateOf(
  family: Family,
  servicePorts: readonly DesiredServicePort[],
  node: DesiredNode = sampleNode(family),
): DesiredState {
  return desiredState(family, servicePorts, node);
}

/** The step between two states of the same node. */
export function changeBetween(before: DesiredState, after: DesiredState): DesiredChange {
  return {
    kind: 'incremental',
    family: after.family,
    node: after.node,
    nodeChanged: before.node !== after.node,
    servicePorts: stepsBetween(before.servicePorts, after.servicePorts),
    healthChecks: stepsBetween(before.healthChecks, after.healthChecks),
    counts: after.counts,
  };
}

function stepsBetween<T extends { readonly key: string }>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): ChangeSet<T> {
  const added = [...after.values()].filter(({ key }) => !before.has(key));
  const removed = [...before.values()].filter(({ key }) => !after.has(key));
  const changed = [...after.values()].flatMap((next) => {
    const former = before.get(next.key);
    return former === undefined || former === next ? [] : [{ before: former, after: next }];
  });
  return { added, changed, removed };
}

/** An incremental change that adds one service port to what `change` establishes. */
export function sampleChange(change: DesiredChange, added: DesiredServicePort): DesiredChange {
  return {
    ...change,
    kind: 'incremental',
    nodeChanged: false,
    servicePorts: { added: [added], changed: [], removed: [] },
    healthChecks: { added: [], changed: [], removed: [] },
  };
}

/** The course of a contract case. */
export interface SampleState {
  /** A full change. */
  readonly first: DesiredChange;
  /** Incremental changes from there to `last`. */
  readonly steps: readonly DesiredChange[];
  /** The full change of the state after all steps. */
  readonly last: DesiredChange;
  /** An empty incremental change. */
  readonly nothing: DesiredChange;
}

/** Services of every kind that all modes program; then one that scales, one that empties, one that goes, one that comes. */
export function sampleState(family: Family): SampleState {
  const port = (shape: SampleServicePort): DesiredServicePort => sampleServicePort(family, shape);
  const stable = [
    port({ index: 1 }),
    port({ index: 2, exposed: 'cluster' }),
    port({ index: 3, protocol: 'UDP', endpoints: 1 }),
    port({ index: 4, affinitySeconds: 600 }),
  ];
  const states = [
    [port({ index: 5, endpoints: 1 }), port({ index: 6 }), port({ index: 7, endpoints: 0 })],
    [port({ index: 5, endpoints: 4 }), port({ index: 6 }), port({ index: 7, endpoints: 0 })],
    [port({ index: 5, endpoints: 4 }), port({ index: 6, endpoints: 0 }), port({ index: 7, endpoints: 3 })],
    [
      port({ index: 5, endpoints: 4 }),
      port({ index: 7, endpoints: 3 }),
      port({ index: 8, exposed: 'local' }),
    ],
  ].map((changing) => sampleStateOf(family, [...stable, ...changing]));
  const [start, ...later] = states as [DesiredState, ...DesiredState[]];
  const steps = later.map((after, index) => changeBetween(states[index] ?? start, after));
  const end = later.at(-1) ?? start;
  return { first: fullChange(start), steps, last: fullChange(end), nothing: changeBetween(end, end) };
}
