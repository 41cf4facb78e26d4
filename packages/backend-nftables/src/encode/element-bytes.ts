/** Elements: text (`10.96.0.10 . tcp . 80`) → bytes of the kernel. */
import { parseCidr } from '@signalbox/core';
import {
  addressBytes,
  type Data,
  type DataType,
  type NftablesElement,
  type Verdict,
  writeIPv4,
} from '@signalbox/netlink';
import type { SetDeclaration } from '../objects/ruleset.ts';
import type { NftProtocol } from '../objects/rule.ts';
import { PROTOCOL } from './rule-expressions.ts';

export const SEPARATOR = ' . ';

/** Keys that are not in the form that this backend writes: another process added them, and they are only deleted. */
export const RAW = '0x';

/**
 * Encodes elements of one set, each into the same memory as the one before: a first sync of a large cluster has 100,000.
 * It throws a RangeError for text that is no element of the set: a fault of the caller.
 */
export function createElementEncoder(set: SetDeclaration): (key: string, data: string) => NftablesElement {
  const keyBytes = Buffer.alloc(widthOf(set.key));
  const encodeData = createDataEncoder(set);
  const isInterval = set.flags?.includes('interval') === true;
  return (key, data) => {
    if (key.startsWith(RAW)) return rawElement(key);
    if (isInterval) return encodeInterval(set, key);
    writeFields(keyBytes, key, set.key);
    return data === '' ? { key: keyBytes } : { key: keyBytes, data: encodeData(data) };
  };
}

function createDataEncoder({ data: types = [] }: SetDeclaration): (text: string) => Data {
  if (types === 'verdict') return parseVerdict;
  const bytes = Buffer.alloc(widthOf(types));
  return (text) => {
    writeFields(bytes, text, types);
    return bytes;
  };
}

/** An interval in the last field: a key for its first address, and one for its last. */
function encodeInterval(set: SetDeclaration, key: string): NftablesElement {
  const border = key.lastIndexOf(SEPARATOR);
  const types = set.key.slice(0, -1);
  const head = Buffer.alloc(widthOf(types));
  writeFields(head, key.slice(0, Math.max(0, border)), types);
  const { first, last } = bounds(key.slice(border + SEPARATOR.length));
  return { key: Buffer.concat([head, first]), keyEnd: Buffer.concat([head, last]) };
}

function parseVerdict(text: string): Verdict {
  const [kind = '', chain = ''] = text.split(' ');
  if (kind === 'goto' || kind === 'jump') return { kind, chain };
  if (kind === 'drop' || kind === 'accept' || kind === 'return') return { kind };
  throw new RangeError(`not a verdict: ${JSON.stringify(text)}`);
}

const BYTES: Readonly<Record<DataType, number>> = {
  ipv4_addr: 4,
  ipv6_addr: 16,
  inet_proto: 1,
  inet_service: 2,
  integer: 4,
  mark: 4,
};

/** Each field of several is padded to 4 bytes; one alone is not. */
function widthOf(types: readonly DataType[]): number {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return BYTES[only];
  return types.reduce((sum, type) => sum + paddedBytes(type), 0);
}

function paddedBytes(type: DataType): number {
  return (BYTES[type] + 3) & ~3;
}

function writeFields(into: Buffer, text: string, types: readonly DataType[]): void {
  let from = 0;
  let at = 0;
  // Without an iterator, as there may be 100,000 elements in a row.
  for (let index = 0; index < types.length; index++) {
    const type = types[index] as DataType;
    const border = index === types.length - 1 ? text.length : text.indexOf(SEPARATOR, from);
    if (border < from) throw new RangeError(`not ${types.join(SEPARATOR)}: ${text}`);
    writeField({ into, at, text, from, to: border }, type);
    from = border + SEPARATOR.length;
    at += paddedBytes(type);
  }
}

interface FieldPlace {
  readonly into: Buffer;
  readonly at: number;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** Padding stays as it is: zero. */
function writeField(place: FieldPlace, type: DataType): void {
  const { into, at, text, from, to } = place;
  switch (type) {
    case 'ipv4_addr':
      if (writeIPv4(into, at, text.slice(from, to))) return;
      throw new RangeError(`not an IPv4 address: ${text}`);
    case 'ipv6_addr':
      return into.set(ipv6Bytes(text.slice(from, to)), at);
    case 'inet_proto':
      into[at] = protocolNumber(text.slice(from, to));
      return;
    case 'inet_service':
      into.writeUInt16BE(numberIn(place, 0xffff), at);
      return;
    case 'integer':
    case 'mark':
      into.writeUInt32LE(numberIn(place, 0xffff_ffff), at);
  }
}

function ipv6Bytes(text: string): Buffer {
  const bytes = addressBytes(text);
  if (bytes.length !== BYTES.ipv6_addr) throw new RangeError(`not an IPv6 address: ${text}`);
  return bytes;
}

function numberIn({ text, from, to }: FieldPlace, most: number): number {
  const digits = text.slice(from, to);
  const value = Number(digits);
  if (digits === '' || !(value <= most)) throw new RangeError(`not a number up to ${most}: ${text}`);
  return value;
}

/** Another process may have added an element for a protocol without a name here. */
function protocolNumber(text: string): number {
  const number = Object.hasOwn(PROTOCOL, text) ? PROTOCOL[text as NftProtocol] : Number(text);
  if (Number.isNaN(number)) throw new RangeError(`not a protocol: ${JSON.stringify(text)}`);
  return number;
}

interface Bounds {
  readonly first: Buffer;
  readonly last: Buffer;
}

function bounds(range: string): Bounds {
  const parsed = range.includes('/') ? parseCidr(range) : null;
  if (parsed === null) return { first: addressBytes(range), last: addressBytes(range) };
  const first = addressBytes(parsed.text.slice(0, parsed.text.indexOf('/')));
  const last = Buffer.from(first);
  for (let bit = parsed.prefixLength; bit < last.length * 8; bit++) {
    last[bit >> 3] = (last[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  return { first, last };
}

function rawElement(key: string): NftablesElement {
  const [first = '', last] = key
    .slice(RAW.length)
    .split('-')
    .map((hex) => Buffer.from(hex, 'hex'));
  return last === undefined ? { key: Buffer.from(first) } : { key: Buffer.from(first), keyEnd: last };
}
