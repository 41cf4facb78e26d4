import {
  anyCidrContains,
  isLinkLocalIPv6,
  isLoopback,
  isWithinLoopback,
  overlapsLoopback,
  parseCidr,
} from '../model/cidr.ts';
import type { Family } from '../model/family.ts';
import { canonicalAddress, familyOf } from '../model/ip.ts';
import type { InterfaceAddress } from '../input.ts';
import type { DesiredNode, NodePortAddresses } from './desired-state.ts';

/** Keywords that `--nodeport-addresses` accepts besides CIDRs; each stands for both families. */
export const PRIMARY_ADDRESS = 'primary';
const WORDS: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.0/8', '::1/128'],
  all: ['0.0.0.0/0', '::/0'],
};
/** All keywords that `--nodeport-addresses` accepts: `primary`, `localhost` and `all`. */
export const NODE_PORT_WORDS: readonly string[] = [PRIMARY_ADDRESS, ...Object.keys(WORDS)];

/** With CIDRs in the place of `localhost` and `all`; `primary` is resolved from the Node object. */
export function expandNodePortWords(wanted: readonly string[]): readonly string[] {
  return wanted.flatMap((text) => WORDS[text] ?? [text]);
}

/** Where node ports answer, of the family's loopback addresses, if sockets of this process serve them. */
export const LOOPBACK_ADDRESS: Readonly<Record<Family, string>> = { IPv4: '127.0.0.1', IPv6: '::1' };

/** Where node ports answer now: by rules, and TCP ports also at sockets of this process. */
export function servedNodePortIPs(
  { nodePortIPs: byRules, loopbackSockets }: Pick<DesiredNode, 'nodePortIPs' | 'loopbackSockets'>,
  family: Family,
): readonly string[] {
  return loopbackSockets === true ? [...byRules, LOOPBACK_ADDRESS[family]] : byRules;
}

/** Whether a CIDR of the family has loopback addresses only; a CIDR of every address selects the other addresses. */
export function namesLoopback(wanted: readonly string[], family: Family): boolean {
  return expandNodePortWords(wanted)
    .map((text) => parseCidr(text.trim()))
    .some((cidr) => cidr !== null && cidr.family === family && isWithinLoopback(cidr));
}

/** The configuration and the node IP that decide which addresses answer on node ports. */
export interface NodePortSettings {
  /** The IP family of the node ports. */
  readonly family: Family;
  /** CIDRs and words. */
  readonly nodePortAddresses: readonly string[];
  /** `--iptables-localhost-nodeports`: IPv4 node ports answer on 127.0.0.0/8 too. */
  readonly localhostNodePorts: boolean;
  /** The primary address of this family; null if unknown. */
  readonly nodeIP: string | null;
}

/** None while it is unknown; a loopback node IP is a placeholder, not an address to serve on. */
function primaryCidrs(nodeIP: string | null): readonly string[] {
  const known = nodeIP !== null && !isLoopback(nodeIP);
  return known ? [`${nodeIP}/${familyOf(nodeIP) === 'IPv4' ? 32 : 128}`] : [];
}

/** S40, S41. */
export function nodePortAddresses(settings: NodePortSettings): NodePortAddresses {
  const { family, nodePortAddresses: wanted, nodeIP } = settings;
  const localhost = settings.localhostNodePorts && family === 'IPv4';
  const own = expandNodePortWords(wanted)
    .map((text) => parseCidr(text.trim()))
    .filter((cidr) => cidr !== null)
    .filter((cidr) => cidr.family === family);
  const primary = wanted.includes(PRIMARY_ADDRESS);
  if (own.some((cidr) => cidr.prefixLength === 0) || (own.length === 0 && !primary)) {
    return { kind: 'any-local', loopback: localhost };
  }
  const loopback = localhost && own.some(overlapsLoopback);
  const usable = loopback ? own : own.filter((cidr) => !isWithinLoopback(cidr));
  const cidrs = [...(primary ? primaryCidrs(nodeIP) : []), ...usable.map((cidr) => cidr.text)];
  return { kind: 'ranges', cidrs: [...new Set(cidrs)], loopback };
}

/** Whether node ports answer on this address, given that it is one of the node's. */
export function answersNodePorts(address: string, allowed: NodePortAddresses): boolean {
  if (isLoopback(address) && !allowed.loopback) return false;
  return allowed.kind === 'any-local' || anyCidrContains(allowed.cidrs, address);
}

/** The node's addresses that answer on node ports, sorted. IPv6 link-local ones never do: they name no host. */
export function nodePortIPs(
  interfaces: readonly InterfaceAddress[],
  family: Family,
  allowed: NodePortAddresses,
): string[] {
  const found = new Set<string>();
  for (const item of interfaces) {
    const address = canonicalAddress(item.address);
    if (address === null || familyOf(address) !== family) continue;
    if (!isLinkLocalIPv6(address) && answersNodePorts(address, allowed)) found.add(address);
  }
  return [...found].sort();
}
