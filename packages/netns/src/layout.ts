/** The world as text for `ip -batch` and `sh`: pure, so that it can be read and tested without a kernel. */
import { NODE_ADDRESSES, OUTSIDE_ROUTERS, POD_GATEWAY, type PodSpec, withoutPrefix } from './addresses.ts';

/** What one namespace needs: kernel settings and `ip -batch` lines. */
export interface Setup {
  readonly namespace: string;
  /** Path below /proc/sys/net → value. */
  readonly settings: Readonly<Record<string, string>>;
  readonly ip: readonly string[];
  /** Lines for `ip -6 -batch`, where the address does not determine the family. */
  readonly ip6: readonly string[];
  /**
   * Closed ports do not answer. A rejection that a client receives is then from the node, never from a host
   * to which a wrong rule sent the packet.
   */
  readonly closedPorts: 'refuse' | 'silent';
}

/** Interface names are the kernel's 15 characters at most. */
function podLink(index: number): string {
  return `veth${index.toString(16)}`;
}

/** The two ends of a veth pair, each created in its own namespace, so that none is in the namespace of the caller. */
export function podCable(node: string, pod: string, index: number): string {
  return `link add ${podLink(index)} netns ${node} type veth peer name eth0 netns ${pod}`;
}

export function outsideCable(node: string, outside: string): string {
  return `link add eth0 netns ${node} type veth peer name eth0 netns ${outside}`;
}

/** The defaults reach interfaces that come later; link-local addresses must not wait for duplicate detection. */
const everywhere = {
  'ipv4/conf/all/rp_filter': '0',
  'ipv4/conf/default/rp_filter': '0',
  'ipv6/conf/all/disable_ipv6': '0',
  'ipv6/conf/default/disable_ipv6': '0',
  'ipv6/conf/default/accept_dad': '0',
  'ipv6/conf/default/dad_transmits': '0',
  'ipv6/conf/default/accept_ra': '0',
} as const;

/** Hosts ignore ICMP redirects of the node, so that all of their traffic passes it. */
const noShortCuts = {
  'ipv4/conf/all/accept_redirects': '0',
  'ipv4/conf/default/accept_redirects': '0',
  'ipv6/conf/default/accept_redirects': '0',
} as const;

/** The node forwards, and rejects every packet that it has to: no limit on ICMP answers, neither per peer nor in all. */
const forwarding = {
  'ipv4/ip_forward': '1',
  'ipv6/conf/all/forwarding': '1',
  'ipv6/conf/default/forwarding': '1',
  'ipv4/conf/all/send_redirects': '0',
  'ipv4/conf/default/send_redirects': '0',
  'ipv4/icmp_ratelimit': '0',
  'ipv4/icmp_ratemask': '0',
  'ipv6/icmp/ratelimit': '0',
  // A list of ICMPv6 types; this one does not exist.
  'ipv6/icmp/ratemask': '127',
} as const;

/**
 * Pods have host routes, so all of their traffic is routed. With br_netfilter a packet that is sent back to its
 * own pod would be treated as bridged traffic and be dropped, because its bridge port has no hairpin mode.
 */
const routedNotBridged = {
  'bridge/bridge-nf-call-iptables': '0',
  'bridge/bridge-nf-call-ip6tables': '0',
} as const;

const onlyFromTheWire = ['rule add pref 10 iif eth0 lookup local', 'rule del pref 0'];

function isIPv6(address: string): boolean {
  return address.includes(':');
}

function addAddress(address: string, link: string): string {
  return isIPv6(address) ? `addr add ${address} dev ${link} nodad` : `addr add ${address} dev ${link}`;
}

function hostPrefix(address: string): string {
  return `${address}/${isIPv6(address) ? 128 : 32}`;
}

export function nodeSetup(namespace: string): Setup {
  const [gateway4 = '', gateway6 = ''] = OUTSIDE_ROUTERS.map(withoutPrefix);
  return {
    namespace,
    settings: { ...everywhere, ...forwarding, ...routedNotBridged },
    ip: [
      'link set lo up',
      'link add cni0 address 02:00:00:00:01:01 type bridge stp_state 0 mcast_snooping 0',
      // Scope link: never chosen as the source of masqueraded connections.
      `addr add ${POD_GATEWAY.v4}/32 dev cni0 scope link`,
      `addr add ${POD_GATEWAY.v6}/64 dev cni0 nodad`,
      'link set cni0 up',
      ...NODE_ADDRESSES.map((address) => addAddress(address, 'eth0')),
      'link set eth0 up',
      `route add default via ${gateway4} dev eth0 src 192.0.2.10`,
      `route add default via ${gateway6} dev eth0 src 2001:db8:0:2::10`,
    ],
    ip6: [],
    closedPorts: 'refuse',
  };
}

/** The node's part of adding a pod: a bridge port, and one host route a family. */
export function attachPod(pod: PodSpec, index: number): readonly string[] {
  const routes = pod.addresses.map((address) => `route add ${hostPrefix(address)} dev cni0`);
  return [`link set ${podLink(index)} master cni0 up`, ...routes];
}

export function podSetup(namespace: string, pod: PodSpec): Setup {
  return {
    namespace,
    settings: { ...everywhere, ...noShortCuts },
    ip: [
      'link set lo up',
      'link set eth0 up',
      ...pod.addresses.map((address) => addAddress(hostPrefix(address), 'eth0')),
      `route add ${POD_GATEWAY.v4}/32 dev eth0 scope link`,
      `route add default via ${POD_GATEWAY.v4} dev eth0`,
      `route add default via ${POD_GATEWAY.v6} dev eth0`,
    ],
    ip6: [],
    closedPorts: 'silent',
  };
}

/**
 * All machines behind eth0 in one namespace. Its local routing table is consulted only for what arrives on
 * the wire: what one of its addresses sends to another goes through the node as everything else does, and
 * comes back the same way, so that no reply bypasses the node's connection tracking.
 */
export function outsideSetup(namespace: string, addresses: readonly string[]): Setup {
  const [node4 = '', node6 = ''] = [NODE_ADDRESSES[0] ?? '', NODE_ADDRESSES[2] ?? ''].map(withoutPrefix);
  return {
    namespace,
    settings: { ...everywhere, ...noShortCuts, 'ipv4/conf/all/accept_local': '1' },
    ip: [
      'link set lo up',
      'link set eth0 up',
      ...OUTSIDE_ROUTERS.map((address) => addAddress(address, 'eth0')),
      // Without a prefix route: the host would otherwise resolve its own IPv6 addresses on the link.
      ...addresses.map((address) => `${addAddress(hostPrefix(address), 'eth0')} noprefixroute`),
      `route add default via ${node4} dev eth0`,
      `route add default via ${node6} dev eth0`,
      ...onlyFromTheWire,
    ],
    ip6: onlyFromTheWire,
    closedPorts: 'silent',
  };
}
