/** The objects of the continuity tests: a service whose connections must not fail, and neighbours that change. */
import { FAMILIES, type Family, type ObjectEvent } from '@signalbox/core';
import type { ReplayRow } from '@signalbox/netns';
import { SCENARIO_CONFIG } from '../world.ts';

type Json = Readonly<Record<string, unknown>>;
type PerFamily<T> = Readonly<Record<Family, T>>;
/** How a connection reaches a service. */
export type Way = 'cluster-ip' | 'node-port';

/** Pods that serve `shop/web` in turn. */
export const WEB: readonly number[] = [5, 6, 7];
/** The pod of every neighbour: a client that reaches it through `web` was sent to a wrong endpoint. */
export const STRANGER = 30;
export const PORTS = { cluster: 80, node: 30_080, pod: 8080 } as const;
export const ALL_WAYS: readonly Way[] = ['cluster-ip', 'node-port'];
export const NODE: PerFamily<string> = { IPv4: '192.0.2.10', IPv6: '2001:db8:0:2::10' };
export const OUTSIDE: PerFamily<string> = { IPv4: '198.51.100.7', IPv6: '2001:db8:0:c::7' };

export const pod = (number: number): PerFamily<string> => ({
  IPv4: `10.244.1.${number}`,
  IPv6: `fd00:10:244:1::${number}`,
});
export const CLIENT: PerFamily<string> = pod(20);

/** Service 0 is the one under test. */
export const nameOf = (index: number): string => (index === 0 ? 'web' : `other-${index}`);

export function clusterIPs(index: number): PerFamily<string> {
  return { IPv4: `10.96.0.${10 + index}`, IPv6: `fd00:10:96::${(16 + index).toString(16)}` };
}

function serviceEvent(index: number, more: Json = {}): ObjectEvent {
  const { IPv4, IPv6 } = clusterIPs(index);
  const ports = [{ name: 'http', port: PORTS.cluster, nodePort: PORTS.node + index }];
  const addresses = { clusterIP: IPv4, clusterIPs: [IPv4, IPv6], ipFamilies: ['IPv4', 'IPv6'] };
  const spec = { type: 'NodePort', ...addresses, ports, ...more };
  const object = { metadata: { namespace: 'shop', name: nameOf(index) }, spec, status: {} };
  return { type: 'upsert', resource: 'Service', object };
}

const sliceName = (index: number, family: Family): string => `${nameOf(index)}-${family.toLowerCase()}`;

export function slicesOf(index: number, pods: readonly number[]): readonly ObjectEvent[] {
  return FAMILIES.map((family) => {
    const labels = { 'kubernetes.io/service-name': nameOf(index) };
    const object = {
      metadata: { namespace: 'shop', name: sliceName(index, family), labels },
      addressType: family,
      ports: [{ name: 'http', port: PORTS.pod, protocol: 'TCP' }],
      endpoints: pods.map((number) => ({
        addresses: [pod(number)[family]],
        conditions: { ready: true },
        nodeName: SCENARIO_CONFIG.nodeName,
      })),
    };
    return { type: 'upsert', resource: 'EndpointSlice', object };
  });
}

export function withSlices(index: number, pods: readonly number[]): readonly ObjectEvent[] {
  return [serviceEvent(index), ...slicesOf(index, pods)];
}

export function neighbour(index: number): readonly ObjectEvent[] {
  return withSlices(index, [STRANGER]);
}

export function without(index: number): readonly ObjectEvent[] {
  const gone = (resource: 'Service' | 'EndpointSlice', name: string): ObjectEvent => ({
    type: 'delete',
    resource,
    namespace: 'shop',
    name,
  });
  const slices = FAMILIES.map((family) => gone('EndpointSlice', sliceName(index, family)));
  return [gone('Service', nameOf(index)), ...slices];
}

/** Neighbours that are created and deleted. */
export interface Churn {
  readonly random: () => number;
  /** The maximum number. */
  readonly neighbours: number;
  /** Indexes of those that exist. */
  readonly alive: Set<number>;
}

/** One neighbour is created, deleted (with probability `leaving`, 0-1), scaled, or gets other policies. */
export function randomChange({ random, neighbours, alive }: Churn, leaving: number): readonly ObjectEvent[] {
  const index = 1 + Math.floor(random() * neighbours);
  if (!alive.has(index)) {
    alive.add(index);
    return neighbour(index);
  }
  if (random() < leaving) {
    alive.delete(index);
    return without(index);
  }
  // Including 0: `web` has neighbours that refuse.
  if (random() < 0.5) return slicesOf(index, [STRANGER, 31, 32].slice(0, Math.floor(random() * 4)));
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const policies = {
    type: pick('ClusterIP', 'NodePort', 'LoadBalancer'),
    internalTrafficPolicy: pick('Cluster', 'Local'),
    externalTrafficPolicy: pick('Cluster', 'Local'),
    sessionAffinity: pick('None', 'ClientIP'),
    externalIPs: pick([], [`203.0.113.${index}`]),
  };
  return [serviceEvent(index, policies)];
}

function rowOf(way: Way, family: Family, pods: readonly number[], index: number): ReplayRow {
  const inside = way === 'cluster-ip';
  const destinations = pods.map((number) => ({
    address: pod(number)[family],
    port: PORTS.pod,
    masquerade: !inside,
  }));
  return {
    entry: inside ? 'pod' : 'outside',
    packet: {
      protocol: 'TCP',
      source: (inside ? CLIENT : OUTSIDE)[family],
      inInterface: inside ? 'cni0' : 'eth0',
      destination: (inside ? clusterIPs(index) : NODE)[family],
      destinationPort: inside ? PORTS.cluster : PORTS.node + index,
    },
    expected: { kind: 'forward', destinations },
    sticky: false,
  };
}

/** Connections to service `index` that only these pods have to answer; in both families. */
export function rowsOf(ways: readonly Way[], pods: readonly number[], index = 0): readonly ReplayRow[] {
  return ways.flatMap((way) => FAMILIES.map((family) => rowOf(way, family, pods, index)));
}
