/**
 * The conditions of a rule. One kind per condition; only encode/ turns them into text.
 * Two matches mean the same exactly if their canonical text is the same.
 */

/** Transport and control protocols by the names that `iptables-save` prints; others are numbers as text. */
export type ProtocolName = 'tcp' | 'udp' | 'sctp' | 'icmp' | 'ipv6-icmp' | (string & {});

/** Inclusive. A single port has `first === last`. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** In the order in which the kernel's extension lists them. */
export const CONNTRACK_STATES = [
  'INVALID',
  'NEW',
  'RELATED',
  'ESTABLISHED',
  'UNTRACKED',
  'SNAT',
  'DNAT',
] as const;
/** A state of `-m conntrack --ctstate`. */
export type ConntrackState = (typeof CONNTRACK_STATES)[number];

/** A type of `-m addrtype`, as the routing table classifies an address. */
export type AddressType = 'LOCAL' | 'UNICAST' | 'BROADCAST' | 'MULTICAST' | 'ANYCAST';

/** Parts that every rule has at most once, and that come first in its text. */
export type HeaderMatch =
  /** CIDR, canonical, always with its prefix length. */
  | { readonly kind: 'source'; readonly cidr: string; readonly invert?: true }
  | { readonly kind: 'destination'; readonly cidr: string; readonly invert?: true }
  /** An interface's name; a trailing `+` matches every name with this prefix. Never matches packets that the node sends. */
  | { readonly kind: 'in-interface'; readonly name: string; readonly invert?: true }
  | { readonly kind: 'out-interface'; readonly name: string; readonly invert?: true }
  | { readonly kind: 'protocol'; readonly protocol: ProtocolName; readonly invert?: true };

/** `-m recent`: the kernel's list of recorded addresses, by name. */
export interface RecentMatch {
  readonly kind: 'recent';
  readonly name: string;
  /** `set`: records the source (always true). `rcheck`: whether it is recorded. `update`: the same, and records it again. */
  readonly operation: 'set' | 'rcheck' | 'update' | 'remove';
  /** Only entries younger than this. */
  readonly seconds?: number;
  /** Removes entries that are too old during the check. */
  readonly reap?: true;
}

/** `-m ipvs`: properties of the IPVS connection that the packet belongs to. */
export interface IpvsMatch {
  readonly kind: 'ipvs';
  /** Virtual address as CIDR. */
  readonly vaddr: string;
  readonly vproto: number;
  readonly vport: number;
}

/** Ports of the named protocol, which must also be matched as `protocol`. `null`: any port; both `null`: no text. */
export interface PortsMatch {
  readonly kind: 'ports';
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly source: PortRange | null;
  readonly destination: PortRange | null;
}

/** A condition of an extension of iptables (`-m`). `mark`: true if (mark & `mask`) == `value`. */
export type ExtensionMatch =
  | PortsMatch
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number; readonly invert?: true }
  | {
      readonly kind: 'address-type';
      readonly side: 'source' | 'destination';
      readonly type: AddressType;
      readonly invert?: true;
    }
  | { readonly kind: 'conntrack-state'; readonly states: readonly ConntrackState[]; readonly invert?: true }
  /** True with probability `numerator / 2^31`: the kernel's own unit, so that the text is exact. */
  | { readonly kind: 'probability'; readonly numerator: number }
  | RecentMatch
  | { readonly kind: 'comment'; readonly text: string }
  /** Properties of the packet's bridge port. */
  | { readonly kind: 'bridge-port'; readonly flag: 'is-in' | 'is-out' | 'is-bridged'; readonly invert?: true }
  | {
      readonly kind: 'ip-set';
      readonly name: string;
      readonly directions: readonly ('src' | 'dst')[];
      readonly invert?: true;
    }
  | IpvsMatch
  /** Counts the packet in a named accounting object; always true. */
  | { readonly kind: 'accounting'; readonly name: string };

/** One condition of a rule. `invert`: true for the packets that do not match (`!`). */
export type Match = HeaderMatch | ExtensionMatch;

type Probability = Extract<Match, { readonly kind: 'probability' }>;

/** 1/n in the kernel's unit. */
export function oneIn(n: number): Probability {
  return shareOf(1, n);
}

/** part/whole in the kernel's unit. */
export function shareOf(part: number, whole: number): Probability {
  return { kind: 'probability', numerator: Math.round((2 ** 31 * part) / whole) };
}

/** The range that contains this port only. */
export function singlePort(port: number): PortRange {
  return { first: port, last: port };
}
