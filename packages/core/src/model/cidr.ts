import type { Family } from './family.ts';
import { formatAddress, parseAddress } from './ip.ts';
import { specialAddress } from './special-address.ts';

/** An address range. `text` is canonical: host bits cleared, RFC 5952. */
export interface Cidr {
  readonly family: Family;
  readonly text: string;
  /** The network's bits above the host bits: an address is inside iff its value shifted by `hostBits` equals this. */
  readonly network: bigint;
  /** 0-32 or 0-128. */
  readonly hostBits: bigint;
  /** 0-32 or 0-128. */
  readonly prefixLength: number;
}

const PREFIX_LENGTH = /^(0|[1-9][0-9]{0,2})$/;

/** Null for anything that is not `address/length`. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  if (slash < 0) return null;
  const address = parseAddress(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (address === null || !PREFIX_LENGTH.test(lengthText)) return null;
  // The prefix length of an IPv4-mapped network is ambiguous: such a network is not accepted.
  if (address.family === 'IPv4' && text.slice(0, slash).includes(':')) return null;
  const prefixLength = Number(lengthText);
  const width = address.family === 'IPv4' ? 32 : 128;
  if (prefixLength > width) return null;
  const hostBits = BigInt(width - prefixLength);
  const network = address.value >> hostBits;
  const base = formatAddress({ family: address.family, value: network << hostBits });
  return { family: address.family, text: `${base}/${prefixLength}`, network, hostBits, prefixLength };
}

/** False if the address is of the other family or no address. */
export function cidrContains(cidr: Cidr, address: string): boolean {
  const parsed = parseAddress(address);
  return parsed !== null && parsed.family === cidr.family && parsed.value >> cidr.hostBits === cidr.network;
}

/** Whether one of these CIDRs (text) contains the address. Unparsable ones contain nothing. */
export function anyCidrContains(cidrs: readonly string[], address: string): boolean {
  return cidrs.some((text) => {
    const cidr = parseCidr(text);
    return cidr !== null && cidrContains(cidr, address);
  });
}

function requireCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === null) throw new Error(`not a CIDR: ${text}`);
  return cidr;
}

const LOOPBACK: readonly Cidr[] = ['127.0.0.0/8', '::1/128'].map(requireCidr);

/** Of canonical text. */
export function isLoopback(address: string): boolean {
  return specialAddress(address) === 'loopback';
}

/** Of canonical text. */
export function isLinkLocalIPv6(address: string): boolean {
  return address.includes(':') && specialAddress(address) === 'link-local';
}

/** Whether the two have an address in common. */
export function cidrsOverlap(one: Cidr, other: Cidr): boolean {
  if (one.family !== other.family) return false;
  const hostBits = one.hostBits > other.hostBits ? one.hostBits : other.hostBits;
  return one.network >> (hostBits - one.hostBits) === other.network >> (hostBits - other.hostBits);
}

/** Whether every address of the range is a loopback address. */
export function isWithinLoopback(cidr: Cidr): boolean {
  return LOOPBACK.some(
    (loopback) => cidrsOverlap(cidr, loopback) && cidr.prefixLength >= loopback.prefixLength,
  );
}

/** Whether the range contains at least one loopback address (127.0.0.0/8, ::1). */
export function overlapsLoopback(cidr: Cidr): boolean {
  return LOOPBACK.some((loopback) => cidrsOverlap(cidr, loopback));
}
