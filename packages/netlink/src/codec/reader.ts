import { align, NLA_HEADER_BYTES, NLA_TYPE_MASK } from './constants.ts';

/** Attributes by type, flag bits removed. Where a type repeats, `eachAttribute` is the way to read it. */
export type Attributes = ReadonlyMap<number, Buffer>;

/** Where the attribute that begins at `at` ends; -1 for none up to `to`, or one whose length makes no sense. */
export function attributeEnd(data: Buffer, at: number, to: number): number {
  if (at + NLA_HEADER_BYTES > to) return -1;
  const length = (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8);
  return length < NLA_HEADER_BYTES || at + length > to ? -1 : at + length;
}

export function attributeType(data: Buffer, at: number): number {
  return ((data[at + 2] ?? 0) | ((data[at + 3] ?? 0) << 8)) & NLA_TYPE_MASK;
}

/** Calls `visit` for each attribute; stops at the first whose length makes no sense (the kernel sends none). */
export function eachAttribute(data: Buffer, visit: (type: number, value: Buffer) => void): void {
  let at = 0;
  for (let end = attributeEnd(data, at, data.length); end !== -1; end = attributeEnd(data, at, data.length)) {
    visit(attributeType(data, at), data.subarray(at + NLA_HEADER_BYTES, end));
    at += align(end - at);
  }
}

/**
 * The value of the first attribute of `type` among those in `data` from `from` to `to`, without looking into the others: what a
 * listing of 100,000 elements has time for.
 */
export function findAttribute(data: Buffer, type: number, from: number, to: number): Buffer | undefined {
  let at = from;
  for (let end = attributeEnd(data, at, to); end !== -1; end = attributeEnd(data, at, to)) {
    if (attributeType(data, at) === type) return data.subarray(at + NLA_HEADER_BYTES, end);
    at += align(end - at);
  }
  return undefined;
}

export function readAttributes(data: Buffer | undefined): Attributes {
  const attributes = new Map<number, Buffer>();
  if (data !== undefined) eachAttribute(data, (type, value) => attributes.set(type, value));
  return attributes;
}

/** The readers below give `undefined` for an attribute that is absent or too short. */
export function readU8(attributes: Attributes, type: number): number | undefined {
  return attributes.get(type)?.[0];
}

export function readU16(attributes: Attributes, type: number): number | undefined {
  return sized(attributes, type, 2)?.readUInt16LE();
}

export function readU16BE(attributes: Attributes, type: number): number | undefined {
  return sized(attributes, type, 2)?.readUInt16BE();
}

export function readU32(attributes: Attributes, type: number): number | undefined {
  return sized(attributes, type, 4)?.readUInt32LE();
}

export function readU32BE(attributes: Attributes, type: number): number | undefined {
  return sized(attributes, type, 4)?.readUInt32BE();
}

/** Counters: exact up to 2^53. */
export function readU64(attributes: Attributes, type: number): number | undefined {
  const value = sized(attributes, type, 8);
  return value === undefined ? undefined : Number(value.readBigUInt64LE());
}

export function readU64BE(attributes: Attributes, type: number): number | undefined {
  const value = sized(attributes, type, 8);
  return value === undefined ? undefined : Number(value.readBigUInt64BE());
}

/** Up to the first NUL. */
export function readText(attributes: Attributes, type: number): string | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end === -1 ? value.length : end);
}

function sized(attributes: Attributes, type: number, bytes: number): Buffer | undefined {
  const value = attributes.get(type);
  return value !== undefined && value.length >= bytes ? value : undefined;
}
