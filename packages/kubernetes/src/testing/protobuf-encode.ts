/** Objects as an API server sends them in protobuf. */
import type { Resource } from '@signalbox/core';

import {
  LIST_META_SCHEMA,
  SCHEMAS,
  STATUS_SCHEMA,
  type FieldType,
  type Presence,
  type Schema,
} from './protobuf-schema.ts';

type Values = Readonly<Record<string, unknown>>;

const VARINT = 0;
const BYTES = 2;

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** A field with its number and, for bytes, their length. */
export function field(number: number, value: Buffer | number | bigint): Buffer {
  const isBytes = Buffer.isBuffer(value);
  const tag = varint(number * 8 + (isBytes ? BYTES : VARINT));
  return Buffer.concat(isBytes ? [tag, varint(value.length), value] : [tag, varint(value)]);
}

export function encodeMessage(value: unknown, schema: Schema): Buffer {
  const values = (value ?? {}) as Values;
  return Buffer.concat(
    schema.flatMap(([number, name, type, presence]) => encodeField(number, values[name], [type, presence])),
  );
}

/** Objects of the store never change: a new version is a new object. */
const encoded = new WeakMap<object, Buffer>();

function encodeOnce(object: object, schema: Schema): Buffer {
  const known = encoded.get(object);
  if (known !== undefined) return known;
  const bytes = encodeMessage(object, schema);
  encoded.set(object, bytes);
  return bytes;
}

function encodeField(
  number: number,
  value: unknown,
  [type, presence]: readonly [FieldType, Presence],
): Buffer[] {
  const isAbsent = value === undefined || value === null;
  if (presence === 'each')
    return ((value ?? []) as unknown[]).map((item) => field(number, encode(item, type)));
  if (isAbsent && presence === 'given') return [];
  if (type !== 'map') return [field(number, encode(value, type))];
  const entries = Object.entries(value as Record<string, string>);
  return entries.map(([key, text]) =>
    field(number, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(text))])),
  );
}

function encode(value: unknown, type: FieldType): Buffer | number {
  switch (type) {
    case 'text':
      return Buffer.from(typeof value === 'string' ? value : '');
    case 'int':
      return typeof value === 'number' ? value : 0;
    case 'flag':
      return value === true ? 1 : 0;
    case 'time':
      return typeof value === 'string' ? encodeTime(value) : Buffer.alloc(0);
    case 'raw':
      return field(1, Buffer.from(JSON.stringify(value)));
    case 'int-or-string':
      return Buffer.concat(
        typeof value === 'string'
          ? [field(1, 1), field(2, 0), field(3, Buffer.from(value))]
          : [field(1, 0), field(2, Number(value ?? 0)), field(3, Buffer.alloc(0))],
      );
    case 'map':
      throw new TypeError('a map is no single value');
    default:
      return encodeMessage(value, type);
  }
}

function encodeTime(value: string): Buffer {
  return Buffer.concat([field(1, Math.floor(Date.parse(value) / 1000)), field(2, 0)]);
}

interface TypeMeta {
  readonly kind: string;
  readonly apiVersion: string;
}

const MAGIC = Buffer.from('6b387300', 'hex');

/** `k8s\0` and runtime.Unknown. */
export function encodeEnvelope({ apiVersion, kind }: TypeMeta, raw: Buffer): Buffer {
  const type = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))]);
  const empty = Buffer.alloc(0);
  return Buffer.concat([MAGIC, field(1, type), field(2, raw), field(3, empty), field(4, empty)]);
}

/** An object, or a Status, in its envelope. */
export function encodeObject(object: object, { apiVersion, kind }: TypeMeta): Buffer {
  const isStatus = (object as Partial<TypeMeta>).kind === 'Status';
  const type = isStatus ? { apiVersion: 'v1', kind: 'Status' } : { apiVersion, kind };
  return encodeEnvelope(type, encodeOnce(object, isStatus ? STATUS_SCHEMA : SCHEMAS[kind as Resource]));
}

/** A list response in protobuf. `metadata` is a ListMeta; `type` is that of an item, and `List` is appended to its kind. */
export function encodeList(items: readonly object[], metadata: object, type: TypeMeta): Buffer {
  const schema = SCHEMAS[type.kind as Resource];
  const raw = [
    field(1, encodeMessage(metadata, LIST_META_SCHEMA)),
    ...items.map((item) => field(2, encodeOnce(item, schema))),
  ];
  return encodeEnvelope({ ...type, kind: `${type.kind}List` }, Buffer.concat(raw));
}

/** One frame: four bytes of length, and a WatchEvent with the object in an envelope of its own. */
export function encodeWatchEvent(event: string, object: object, type: TypeMeta): Buffer {
  const raw = field(1, encodeObject(object, type));
  const body = Buffer.concat([field(1, Buffer.from(event)), field(2, raw)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}
