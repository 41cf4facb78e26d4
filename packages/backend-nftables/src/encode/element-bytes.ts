/** Elements between text (`10.96.0.10 . tcp . 80`) and the bytes of the kernel. */
import { parseCidr } from '@signalbox/core';
import {
  addressBytes,
  addressText,
  type Data,
  type DataType,
  isVerdict,
  type NftablesElement,
  type Verdict,
} from '@signalbox/netlink';
import type { SetDeclaration } from '../objects/ruleset.ts';
import type { NftProtocol } from '../objects/rule.ts';
import { PROTOCOL } from './rule-expressions.ts';

const SEPARATOR = ' . ';

interface Bounds {
  readonly first: Buffer;
  readonly last: Buffer;
}

/** Throws a RangeError for text that is no element of this set: a fault of the caller. */
export function encodeElement(set: SetDeclaration, key: string, data: string): NftablesElement {
  if (key.startsWith(RAW)) return rawElement(key);
  const fields = key.split(SEPARATOR);
  const isInterval = set.flags?.includes('interval') === true;
  const last = fields.at(-1) ?? '';
  const head = isInterval ? fields.slice(0, -1) : fields;
  const types = isInterval ? set.key.slice(0, -1) : set.key;
  const headBytes = concatenation(head, types);
  const element = data === '' ? {} : { data: encodeData(set, data) };
  if (!isInterval) return { key: headBytes, ...element };
  const range = bounds(last);
  return {
    key: Buffer.concat([headBytes, range.first]),
    keyEnd: Buffer.concat([headBytes, range.last]),
    ...element,
  };
}

function encodeData(set: SetDeclaration, data: string): Data {
  if (set.data === 'verdict') return parseVerdict(data);
  return concatenation(data.split(SEPARATOR), set.data ?? []);
}

function parseVerdict(text: string): Verdict {
  const [kind = '', chain = ''] = text.split(' ');
  if (kind === 'goto' || kind === 'jump') return { kind, chain };
  if (kind === 'drop' || kind === 'accept' || kind === 'return') return { kind };
  throw new RangeError(`not a verdict: ${JSON.stringify(text)}`);
}

/** Each field of several is padded to 4 bytes; one alone is not. */
function concatenation(fields: readonly string[], types: readonly DataType[]): Buffer {
  if (fields.length !== types.length)
    throw new RangeError(`not ${types.join(SEPARATOR)}: ${fields.join(SEPARATOR)}`);
  const parts = fields.map((field, index) => fieldBytes(field, types[index] ?? 'integer'));
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts.map(padded));
}

function padded(bytes: Buffer): Buffer {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

function fieldBytes(text: string, type: DataType): Buffer {
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return addressBytes(text);
    case 'inet_proto':
      return Buffer.of(protocolNumber(text));
    case 'inet_service': {
      const bytes = Buffer.alloc(2);
      bytes.writeUInt16BE(Number(text));
      return bytes;
    }
    case 'integer':
    case 'mark': {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(Number(text));
      return bytes;
    }
  }
}

/** Another process may have added an element for a protocol without a name here. */
function protocolNumber(text: string): number {
  const number = Object.hasOwn(PROTOCOL, text) ? PROTOCOL[text as NftProtocol] : Number(text);
  if (Number.isNaN(number)) throw new RangeError(`not a protocol: ${JSON.stringify(text)}`);
  return number;
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

const PROTOCOL_NAME = new Map(Object.entries(PROTOCOL).map(([name, value]) => [value, name]));

/** Keys that are not in the form that this backend writes: another process added them, and they are only deleted. */
const RAW = '0x';

function rawElement(key: string): NftablesElement {
  const [first = '', last] = key
    .slice(RAW.length)
    .split('-')
    .map((hex) => Buffer.from(hex, 'hex'));
  return last === undefined ? { key: Buffer.from(first) } : { key: Buffer.from(first), keyEnd: last };
}

function rawKey({ key, keyEnd }: NftablesElement): string {
  const parts = [key, ...(keyEnd === undefined ? [] : [keyEnd])];
  return `${RAW}${parts.map((bytes) => Buffer.from(bytes).toString('hex')).join('-')}`;
}

export function decodeElement(
  set: SetDeclaration,
  element: NftablesElement,
): { readonly key: string; readonly data: string } {
  const { key, keyEnd, data } = element;
  const fields = decodeFields(Buffer.from(key), set.key);
  const isInterval = set.flags?.includes('interval') === true;
  const text = isInterval ? withRange(set, fields, { key, keyEnd: keyEnd ?? key }) : fields.join(SEPARATOR);
  return { key: text ?? rawKey(element), data: data === undefined ? '' : decodeData(set, data) };
}

function decodeData(set: SetDeclaration, data: Data): string {
  if (isVerdict(data)) return 'chain' in data ? `${data.kind} ${data.chain}` : data.kind;
  const types = set.data === 'verdict' ? undefined : set.data;
  if (types === undefined) return `${RAW}${Buffer.from(data).toString('hex')}`;
  return decodeFields(Buffer.from(data), types).join(SEPARATOR);
}

function decodeFields(bytes: Buffer, types: readonly DataType[]): readonly string[] {
  let at = 0;
  return types.map((type) => {
    const from = at;
    at += type === 'ipv6_addr' ? 16 : 4;
    return fieldText(bytes.subarray(from, at), type);
  });
}

function fieldText(bytes: Buffer, type: DataType): string {
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return addressText(bytes) ?? '';
    case 'inet_proto':
      return PROTOCOL_NAME.get(bytes[0] ?? 0) ?? String(bytes[0]);
    case 'inet_service':
      return String(bytes.readUInt16BE());
    case 'integer':
    case 'mark':
      return String(bytes.readUInt32LE());
  }
}

function withRange(
  set: SetDeclaration,
  fields: readonly string[],
  { key, keyEnd }: Required<Pick<NftablesElement, 'key' | 'keyEnd'>>,
): string | null {
  const width = set.key.at(-1) === 'ipv6_addr' ? 16 : 4;
  const [first, last] = [key, keyEnd].map((bytes) => Buffer.from(bytes.subarray(bytes.length - width)));
  if (first === undefined || last === undefined) return null;
  const length = prefixLength(first, last);
  if (length === null) return null;
  const address = fields.at(-1) ?? '';
  return [...fields.slice(0, -1), length === width * 8 ? address : `${address}/${length}`].join(SEPARATOR);
}

/** `null`: the range is no prefix. */
function prefixLength(first: Buffer, last: Buffer): number | null {
  const width = BigInt(first.length * 8);
  const [low, high] = [first, last].map((bytes) => BigInt(`0x${bytes.toString('hex')}`));
  if (low === undefined || high === undefined) return null;
  const hosts = low ^ high;
  // All host bits of a prefix are zero in its first address and one in its last.
  if ((hosts & (hosts + 1n)) !== 0n || (low & hosts) !== 0n) return null;
  return Number(width) - (hosts === 0n ? 0 : hosts.toString(2).length);
}
