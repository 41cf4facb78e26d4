/** Elements as the kernel lists them → text: `10.96.0.10 . tcp . 80`. */
import { addressText, type Data, type DataType, isVerdict, type NftablesElement } from '@signalbox/netlink';
import type { SetDeclaration } from '../objects/ruleset.ts';
import { RAW, SEPARATOR } from './element-bytes.ts';
import { PROTOCOL } from './rule-expressions.ts';

const PROTOCOL_NAME = new Map(Object.entries(PROTOCOL).map(([name, value]) => [value, name]));

function rawKey({ key, keyEnd }: NftablesElement): string {
  const parts = [key, ...(keyEnd === undefined ? [] : [keyEnd])];
  return `${RAW}${parts.map((bytes) => Buffer.from(bytes).toString('hex')).join('-')}`;
}

export function decodeElement(
  set: SetDeclaration,
  element: NftablesElement,
): { readonly key: string; readonly data: string } {
  const { key, keyEnd, data } = element;
  const fields = fieldsText(bufferOf(key), set.key);
  const isInterval = set.flags?.includes('interval') === true;
  const text = isInterval ? withRange(set, fields, { key, keyEnd: keyEnd ?? key }) : fields;
  return { key: text ?? rawKey(element), data: data === undefined ? '' : decodeData(set, data) };
}

function decodeData(set: SetDeclaration, data: Data): string {
  if (isVerdict(data)) return 'chain' in data ? `${data.kind} ${data.chain}` : data.kind;
  const types = set.data === 'verdict' ? undefined : set.data;
  if (types === undefined) return `${RAW}${Buffer.from(data).toString('hex')}`;
  return fieldsText(bufferOf(data), types);
}

/**
 * Text is put together here byte by byte: a listing may have 100,000 elements, and joining ten strings for each leaves ten times
 * the garbage. Larger than any key.
 */
const TEXT = Buffer.alloc(512);
const [ZERO, DOT] = [0x30, 0x2e] as const;

function fieldsText(bytes: Buffer, types: readonly DataType[]): string {
  let end = 0;
  let at = 0;
  for (let index = 0; index < types.length; index++) {
    const type = types[index] as DataType;
    if (index > 0) end = writeText(end, SEPARATOR);
    end = writeField(end, { bytes, at }, type);
    at += type === 'ipv6_addr' ? 16 : 4;
  }
  return TEXT.toString('latin1', 0, end);
}

/** Writes the text of a field to `end`; answers where it ends. */
function writeField(end: number, { bytes, at }: { bytes: Buffer; at: number }, type: DataType): number {
  switch (type) {
    case 'ipv4_addr':
      return writeIPv4Text(end, bytes, at);
    case 'ipv6_addr':
      return writeText(end, addressText(bytes.subarray(at, at + 16)) ?? '');
    case 'inet_proto':
      return writeText(end, PROTOCOL_NAME.get(bytes[at] ?? 0) ?? String(bytes[at]));
    case 'inet_service':
      return writeNumber(end, bytes.readUInt16BE(at));
    case 'integer':
    case 'mark':
      return writeNumber(end, bytes.readUInt32LE(at));
  }
}

function writeIPv4Text(start: number, bytes: Buffer, at: number): number {
  let end = writeNumber(start, bytes[at] ?? 0);
  for (let index = 1; index < 4; index++) {
    TEXT[end] = DOT;
    end = writeNumber(end + 1, bytes[at + index] ?? 0);
  }
  return end;
}

function writeText(start: number, text: string): number {
  for (let index = 0; index < text.length; index++) TEXT[start + index] = text.charCodeAt(index);
  return start + text.length;
}

function writeNumber(start: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest /= 10) digits++;
  let rest = value;
  for (let at = start + digits - 1; at >= start; at--) {
    TEXT[at] = ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return start + digits;
}

function withRange(
  set: SetDeclaration,
  fields: string,
  { key, keyEnd }: Required<Pick<NftablesElement, 'key' | 'keyEnd'>>,
): string | null {
  const width = set.key.at(-1) === 'ipv6_addr' ? 16 : 4;
  const [first, last] = [key, keyEnd].map((bytes) => Buffer.from(bytes.subarray(bytes.length - width)));
  if (first === undefined || last === undefined) return null;
  const length = prefixLength(first, last);
  if (length === null) return null;
  return length === width * 8 ? fields : `${fields}/${length}`;
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

/** The same memory. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
