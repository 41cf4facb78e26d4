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

function fieldsText(bytes: Buffer, types: readonly DataType[]): string {
  let text = '';
  let at = 0;
  for (const type of types) {
    text += at === 0 ? fieldText(bytes, at, type) : SEPARATOR + fieldText(bytes, at, type);
    at += type === 'ipv6_addr' ? 16 : 4;
  }
  return text;
}

function fieldText(bytes: Buffer, at: number, type: DataType): string {
  switch (type) {
    case 'ipv4_addr':
      return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
    case 'ipv6_addr':
      return addressText(bytes.subarray(at, at + 16)) ?? '';
    case 'inet_proto':
      return PROTOCOL_NAME.get(bytes[at] ?? 0) ?? String(bytes[at]);
    case 'inet_service':
      return String(bytes.readUInt16BE(at));
    case 'integer':
    case 'mark':
      return String(bytes.readUInt32LE(at));
  }
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
