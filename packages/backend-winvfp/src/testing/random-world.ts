/** A Windows node with random events: for the test that no sequence leads to a leak or a wrong state. */
import {
  servicePortKey,
  type DesiredEndpoint,
  type DesiredServicePort,
  type Frontend,
  type Route,
} from '@signalbox/core';
import type { HnsSnapshot, HnsVersion } from '@signalbox/hns-simulator';

export type Random = () => number;

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

export const LOCAL_PODS: readonly string[] = ['10.244.1.2', '10.244.1.3', '10.244.1.4'];
const REMOTE_PODS: readonly string[] = ['10.244.2.2', '10.244.2.3', '10.244.3.2', '172.16.0.9'];
const SERVICES: readonly string[] = ['a', 'b', 'c', 'd', 'e'];

/** HNS of Windows Server 2019, 2022 and 2025. */
export const VERSIONS: readonly HnsVersion[] = [
  { major: 9, minor: 2 },
  { major: 12, minor: 1 },
  { major: 15, minor: 5 },
];

function endpoints(random: Random): readonly DesiredEndpoint[] {
  const port = pick(random, [8080, 8081]);
  const local = LOCAL_PODS.filter(() => random() < 0.4).map((address) => ({ address, port, isLocal: true }));
  const remote = REMOTE_PODS.filter(() => random() < 0.4).map((address) => ({
    address,
    port,
    isLocal: false,
  }));
  return [...local, ...remote];
}

function routes(target: Route['target']): readonly Route[] {
  return [{ source: 'any', target, masquerade: false, rule: 'S15' }];
}

function frontends(random: Random, index: number): readonly Frontend[] {
  const policy = pick(random, ['cluster', 'local'] as const);
  const external = { policy, routes: routes(policy) };
  const inner = { policy: 'cluster', routes: routes('cluster') } as const;
  const all: readonly Frontend[] = [
    { kind: 'cluster-ip', address: `10.96.0.1${index}`, port: 80, ...inner },
    // Few addresses and ports: Services conflict (S28).
    { kind: 'external-ip', address: pick(random, ['203.0.113.1', '203.0.113.2']), port: 80, ...external },
    { kind: 'load-balancer', address: `203.0.113.2${index}`, port: 80, sourceRanges: null, ...external },
    { kind: 'node-port', port: pick(random, [30_080, 30_081, 30_082]), ...external },
  ];
  return all.filter((frontend) => frontend.kind === 'cluster-ip' || random() < 0.5);
}

export function randomService(random: Random): DesiredServicePort {
  const name = pick(random, SERVICES);
  const id = { namespace: 'ns', name, port: '', protocol: pick(random, ['TCP', 'TCP', 'UDP'] as const) };
  const clusterEndpoints = endpoints(random);
  return {
    key: servicePortKey(id),
    name: id,
    frontends: frontends(random, SERVICES.indexOf(name)),
    clusterEndpoints,
    localEndpoints: clusterEndpoints.filter((endpoint) => endpoint.isLocal),
    servingEndpoints: clusterEndpoints,
    affinity: random() < 0.3 ? { timeoutSeconds: 10_800 } : null,
    balancing: null,
    windows: { preserveDestination: random() < 0.2, updateInPlace: random() < 0.8 },
  };
}

/** The relevant part of a snapshot, sorted: references between objects count, their ids do not. */
export function describeSnapshot(snapshot: HnsSnapshot): readonly string[] {
  const addresses = new Map(
    snapshot.endpoints.map((endpoint) => [
      endpoint.ID.toUpperCase(),
      (endpoint.IpConfigurations ?? []).map((entry) => entry.IpAddress).join(' '),
    ]),
  );
  const remote = snapshot.endpoints.filter((endpoint) => endpoint.Flags === 1);
  const endpointLines = remote.map(({ ID: _id, HostComputeNetwork: _network, ...rest }) =>
    JSON.stringify(rest),
  );
  const balancerLines = snapshot.loadBalancers.map(({ ID: _id, HostComputeEndpoints, ...rest }) => {
    const backends = HostComputeEndpoints.map(
      (id) => addresses.get(id.toUpperCase()) ?? `unknown ${id}`,
    ).sort();
    return JSON.stringify({ ...rest, backends });
  });
  return [...endpointLines, ...balancerLines].sort();
}
