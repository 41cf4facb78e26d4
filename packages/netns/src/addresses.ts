/** The addresses of the world (scenarios/README.md), and their owners. */

/** The node's own addresses on eth0, prefix lengths as on the wire. */
export const NODE_ADDRESSES: readonly string[] = [
  '192.0.2.10/24',
  '192.0.2.11/24',
  '2001:db8:0:2::10/64',
  '2001:db8:0:2::11/64',
];

/** The other end of eth0: the next hop for everything that is not on this node. */
export const OUTSIDE_ROUTERS: readonly string[] = ['192.0.2.1/24', '2001:db8:0:2::1/64'];

/** What pods use as their next hop: link-local addresses of cni0, so that the node has no additional address. */
export const POD_GATEWAY = { v4: '169.254.1.1', v6: 'fe80::1' } as const;

export function withoutPrefix(address: string): string {
  return address.replace(/\/.*$/, '');
}

export const NODE_SOURCES: ReadonlySet<string> = new Set([
  ...NODE_ADDRESSES.map(withoutPrefix),
  '127.0.0.1',
  '::1',
]);

/** IPv4 10.244.1.0/24 or IPv6 fd00:10:244:1::/64, canonical text. */
export function isLocalPod(address: string): boolean {
  return /^10\.244\.1\.\d+$/.test(address) || address.startsWith('fd00:10:244:1::');
}

/** One pod of the node: a namespace of its own. */
export interface PodSpec {
  /** Unique in the world; also in the namespace's name. */
  readonly name: string;
  /** Both families, no prefix lengths. */
  readonly addresses: readonly string[];
}

export interface WorldSpec {
  readonly pods: readonly PodSpec[];
  /** Pods of other nodes, other nodes, clients: everything behind eth0. */
  readonly outside: readonly string[];
}

/** The part of the address that the two families of a pod share: 10.244.1.9 and fd00:10:244:1::9. */
function hostPart(address: string): string {
  return address.slice(Math.max(address.lastIndexOf('.'), address.lastIndexOf(':')) + 1);
}

/** The two families of a pod are one pod. */
export function podsOf(addresses: Iterable<string>): readonly PodSpec[] {
  const pods = new Map<string, string[]>();
  for (const address of new Set(addresses)) {
    const name = `pod-${hostPart(address)}`;
    pods.set(name, [...(pods.get(name) ?? []), address]);
  }
  const specs = [...pods].map(([name, list]) => ({ name, addresses: list.sort() }));
  return specs.sort((left, right) => left.name.localeCompare(right.name));
}
