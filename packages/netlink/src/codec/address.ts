import { isIPv6 } from 'node:net';
import { AF_INET, AF_INET6 } from './constants.ts';

/** `AF_INET` or `AF_INET6`. */
export type AddressFamily = 'IPv4' | 'IPv6';

export const FAMILY_NUMBER: Readonly<Record<AddressFamily, number>> = { IPv4: AF_INET, IPv6: AF_INET6 };

export function familyOfNumber(value: number | undefined): AddressFamily | undefined {
  if (value === AF_INET) return 'IPv4';
  return value === AF_INET6 ? 'IPv6' : undefined;
}

export function familyOfAddress(address: string): AddressFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** 4 or 16 bytes in network order. Throws a RangeError for text that is no address (a fault of the caller). */
export function addressBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  if (writeIPv4(bytes, 0, text)) return bytes;
  if (isIPv6(text) && !text.includes('%')) return ipv6Bytes(text);
  throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
}

const [ZERO, NINE, DOT] = [0x30, 0x39, 0x2e] as const;

/**
 * Four bytes at `at`; without a copy of any part, as there may be 100,000 in a row. False, and nothing to rely on there, for
 * text that is no IPv4 address; as for the kernel, a number has no leading zeros.
 */
export function writeIPv4(into: Buffer, at: number, text: string): boolean {
  let byte = 0;
  let digits = 0;
  let place = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT && digits > 0 && place < 3) {
      into[at + place++] = byte;
      byte = 0;
      digits = 0;
    } else if (code >= ZERO && code <= NINE && !(digits > 0 && byte === 0)) {
      byte = byte * 10 + code - ZERO;
      digits++;
      if (byte > 255) return false;
    } else return false;
  }
  into[at + 3] = byte;
  return place === 3 && digits > 0;
}

function ipv6Bytes(text: string): Buffer {
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const bytes = Buffer.alloc(16);
  left.forEach((group, at) => bytes.writeUInt16BE(group, at * 2));
  right.forEach((group, at) => bytes.writeUInt16BE(group, 16 - (right.length - at) * 2));
  return bytes;
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** The canonical text (RFC 5952) of 4 or 16 bytes; `undefined` for any other length. */
export function addressText(bytes: Buffer | undefined): string | undefined {
  if (bytes?.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  return bytes?.length === 16 ? ipv6Text(bytes) : undefined;
}

const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

function ipv6Text(bytes: Buffer): string {
  if (bytes.subarray(0, 12).equals(MAPPED_PREFIX)) return `::ffff:${addressText(bytes.subarray(12))}`;
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2));
  const zeros = longestZeroRun(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  const best = { start: 0, length: 0 };
  groups.forEach((_, start) => {
    const end = groups.findIndex((group, at) => at >= start && group !== 0);
    const length = (end === -1 ? groups.length : end) - start;
    if (length > best.length) Object.assign(best, { start, length });
  });
  return best;
}
