/** Reads the protobuf wire format. Throws a ProtobufError for invalid input. */

export class ProtobufError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ProtobufError';
  }
}

/** The last byte of a varint has no such bit. */
export const MORE = 0x80;
/** Bits of an int64 in groups of seven. */
export const LONGEST_VARINT = 10;

export const VARINT = 0;
const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

export interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** Exact up to 2^53. `end`: of the message that is read. */
export function readVarint(cursor: Cursor, end: number): number {
  let value = 0;
  let scale = 1;
  for (let length = 0; length < LONGEST_VARINT; length++) {
    const byte = readByte(cursor, end);
    value += (byte & 0x7f) * scale;
    if (byte < MORE) return value;
    scale *= 0x80;
  }
  throw new ProtobufError(`a varint of more than ${LONGEST_VARINT} bytes`);
}

/** As in Go: of a longer number the lower 32 bits. */
export function readInt32(cursor: Cursor, end: number): number {
  let value = 0;
  for (let length = 0; length < LONGEST_VARINT; length++) {
    const byte = readByte(cursor, end);
    if (length < 5) value |= (byte & 0x7f) << (7 * length);
    if (byte < MORE) return value;
  }
  throw new ProtobufError(`a varint of more than ${LONGEST_VARINT} bytes`);
}

/** Negative numbers take ten bytes; numbers beyond 2^53 are rounded. */
export function readInt64(cursor: Cursor, end: number): number {
  let value = 0n;
  for (let length = 0n; length < LONGEST_VARINT; length++) {
    const byte = readByte(cursor, end);
    value |= BigInt(byte & 0x7f) << (7n * length);
    if (byte < MORE) return Number(BigInt.asIntN(64, value));
  }
  throw new ProtobufError(`a varint of more than ${LONGEST_VARINT} bytes`);
}

function readByte(cursor: Cursor, end: number): number {
  if (cursor.at >= end) throw new ProtobufError('it ends within a number');
  return cursor.bytes[cursor.at++] ?? 0;
}

/** End of the length-delimited bytes at the cursor. */
export function readEnd(cursor: Cursor, end: number): number {
  const length = readVarint(cursor, end);
  if (length > end - cursor.at) {
    throw new ProtobufError(`a field of ${length} bytes where ${end - cursor.at} are left`);
  }
  return cursor.at + length;
}

/** Skips the value of a field that is not used. */
export function skipValue(cursor: Cursor, tag: number, end: number): void {
  const wire = tag & 7;
  if (wire === BYTES) cursor.at = readEnd(cursor, end);
  else if (wire === VARINT) readVarint(cursor, end);
  else cursor.at += fixedLength(tag);
  if (cursor.at > end) throw new ProtobufError('it ends within a number');
}

/** Of a value that has neither a length nor an end of its own. */
export function fixedLength(tag: number): number {
  const wire = tag & 7;
  if (wire === FIXED64) return 8;
  if (wire === FIXED32) return 4;
  throw new ProtobufError(
    `field ${Math.floor(tag / 8)} has wire type ${wire}, which Kubernetes does not use`,
  );
}
