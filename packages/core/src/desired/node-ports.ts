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
import type { NodePortAddresses } from './desired-state.ts';

/** IPVS mode's own device carries the VIPs: these are no addresses of the node (G41). */
const VIP_DEVICE = 'kube-ipvs0';

export interface NodePortSettings {
  readonly family: Family;
  readonly nodePortAddresses: 'primary' | readonly string[];
  readonly localhostNodePorts: boolean;
  /** The primary address of this family; null if unknown. */
  readonly nodeIP: string | null;
}

/** `--nodeport-addresses=primary`; a loopback node IP is a placeholder, not an address to serve on. */
function primaryOnly(nodeIP: string | null): NodePortAddresses {
  const known = nodeIP !== null && !isLoopback(nodeIP);
  const cidrs = known ? [`${nodeIP}/${familyOf(nodeIP) === 'IPv4' ? 32 : 128}`] : [];
  return { kind: 'ranges', cidrs, loopback: false };
}

/** S40, S41. */
export function nodePortAddresses(settings: NodePortSettings): NodePortAddresses {
  const { family, nodePortAddresses: wanted, nodeIP } = settings;
  if (wanted === 'primary') return primaryOnly(nodeIP);
  const localhost = settings.localhostNodePorts && family === 'IPv4';
  const own = wanted
    .map((text) => parseCidr(text.trim()))
    .filter((cidr) => cidr !== null)
    .filter((cidr) => cidr.family === family);
  if (own.length === 0 || own.some((cidr) => cidr.prefixLength === 0)) {
    return { kind: 'any-local', loopback: localhost };
  }
  const loopback = localhost && own.some(overlapsLoopback);
  const usable = loopback ? own : own.filter((cidr) => !isWithinLoopback(cidr));
  return { kind: 'ranges', cidrs: [...new Set(usable.map((cidr) => cidr.text))], loopback };
}

/** Whether node ports answer on this address, given that it is one of the node's. */
export function answersNodePorts(address: string, allowed: NodePortAddresses): boolean {
  if (isLoopback(address) && !allowed.loopback) return false;
  return allowed.kind === 'any-local' || anyCidrContains(allowed.cidrs, address);
}

/** The node's addresses that answer on node ports, sorted. IPv6 link-local ones never do: they name no host (G41). */
export function nodePortIPs(
  interfaces: readonly InterfaceAddress[],
  family: Family,
  allowed: NodePortAddresses,
): string[] {
  const found = new Set<string>();
  for (const item of interfaces) {
    const address = canonicalAddress(item.address);
    if (address === null || familyOf(address) !== family || item.interface === VIP_DEVICE) continue;
    if (!isLinkLocalIPv6(address) && answersNodePorts(address, allowed)) found.add(address);
  }
  return [...found].sort();
}
