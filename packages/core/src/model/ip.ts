/**
 * IP addresses as text and as numbers. Pure and without tables: core must run in any JavaScript runtime.
 *
 * Accepts what Go's net.ParseIP accepts: no leading zeros in IPv4 (`010.0.0.1` means different hosts to
 * different programs, CVE-2021-29923), no zone, and IPv4-mapped IPv6 is IPv4.
 */
import type { Family } from './family.ts';

/** A parsed address. `value` is the address as a number: below 2^32 for IPv4, below 2^128 for IPv6. */
export interface ParsedAddress {
  readonly family: Family;
  readonly value: bigint;
}

const DOT = 46;
const ZERO = 48;
const HEXTET = /^[0-9a-fA-F]{1,4}$/;
const MAPPED_PREFIX = 0xffffn;

/** The 32 bits of a dotted quad as an unsigned number, or -1. */
function parseIPv4(text: string): number {
  const length = text.length;
  if (length < 7 || length > 15) return -1;
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else {
      octet = appendDigit(octet, code - ZERO);
      if (octet < 0) return -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

/** -1 for anything but a digit, for a digit after a leading zero, and above 255. */
function appendDigit(octet: number, digit: number): number {
  if (digit < 0 || digit > 9 || octet === 0) return -1;
  const next = octet < 0 ? digit : octet * 10 + digit;
  return next > 255 ? -1 : next;
}

function parseHextets(text: string): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const hextets: number[] = [];
  for (const [at, part] of parts.entries()) {
    if (at === parts.length - 1 && part.includes('.')) {
      const quad = parseIPv4(part);
      if (quad < 0) return null;
      hextets.push(Math.floor(quad / 65536), quad % 65536);
    } else if (HEXTET.test(part)) {
      hextets.push(Number.parseInt(part, 16));
    } else {
      return null;
    }
  }
  return hextets;
}

function parseIPv6(text: string): number[] | null {
  if (text.length > 45) return null;
  const gap = text.indexOf('::');
  if (gap < 0) {
    const all = parseHextets(text);
    return all !== null && all.length === 8 ? all : null;
  }
  const left = text.slice(0, gap);
  if (left.includes('.')) return null;
  const head = parseHextets(left);
  const tail = parseHextets(text.slice(gap + 2));
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (missing < 1) return null;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function isMapped(hextets: readonly number[]): boolean {
  return hextets[5] === 0xffff && hextets.slice(0, 5).every((hextet) => hextet === 0);
}

/** RFC 5952: lower case, no leading zeros, the first longest run of at least two zero hextets as `::`. */
function formatIPv6(hextets: readonly number[]): string {
  let runStart = -1;
  let runLength = 1;
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && hextets[end] === 0) end++;
    if (end - at > runLength) {
      runStart = at;
      runLength = end - at;
    }
  }
  const hex = (part: readonly number[]): string => part.map((hextet) => hextet.toString(16)).join(':');
  if (runStart < 0) return hex(hextets);
  return `${hex(hextets.slice(0, runStart))}::${hex(hextets.slice(runStart + runLength))}`;
}

function formatIPv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function hextetsOf(value: bigint): number[] {
  const hextets: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) hextets.push(Number((value >> shift) & 0xffffn));
  return hextets;
}

/** Null for anything that is not an address. */
export function parseAddress(text: string): ParsedAddress | null {
  if (!text.includes(':')) {
    const quad = parseIPv4(text);
    return quad < 0 ? null : { family: 'IPv4', value: BigInt(quad) };
  }
  const hextets = parseIPv6(text);
  if (hextets === null) return null;
  const value = hextets.reduce((sum, hextet) => (sum << 16n) | BigInt(hextet), 0n);
  return value >> 32n === MAPPED_PREFIX
    ? { family: 'IPv4', value: value & 0xffffffffn }
    : { family: 'IPv6', value };
}

/** Dotted quad, or RFC 5952 text. */
export function formatAddress(address: ParsedAddress): string {
  return address.family === 'IPv4' ? formatIPv4(Number(address.value)) : formatIPv6(hextetsOf(address.value));
}

/** The one spelling of this address that the whole of Signalbox uses; null if it is none. */
export function canonicalAddress(text: string): string | null {
  // A dotted quad that parses has one spelling only: no new string needed.
  if (!text.includes(':')) return parseIPv4(text) < 0 ? null : text;
  const hextets = parseIPv6(text);
  if (hextets === null) return null;
  if (isMapped(hextets)) return formatIPv4((hextets[6] ?? 0) * 65536 + (hextets[7] ?? 0));
  const canonical = formatIPv6(hextets);
  return canonical === text ? text : canonical;
}

/** Of canonical text: no check is made. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** Network byte order: 4 or 16 bytes. Null if it is no address. */
export function addressBytes(text: string): Uint8Array | null {
  const parsed = parseAddress(text);
  if (parsed === null) return null;
  const bytes = new Uint8Array(parsed.family === 'IPv4' ? 4 : 16);
  let rest = parsed.value;
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 255n);
    rest >>= 8n;
  }
  return bytes;
}

/** `address:port`, IPv6 in brackets: the order of endpoints and the text behind their chain hashes. */
export function formatAddressPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
