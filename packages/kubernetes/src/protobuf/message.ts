/** Decodes messages to the result of JSON.parse for the same object, for the fields that are described. */
import {
  BYTES,
  ProtobufError,
  readEnd,
  readInt32,
  readInt64,
  readVarint,
  skipValue,
  VARINT,
  type Cursor,
} from './cursor.ts';

type Fields = Record<string, unknown>;

/** Reads one value at the cursor and stores it in the target. */
type Store = (into: Fields, cursor: Cursor, end: number) => void;

interface Field {
  readonly wire: number;
  readonly store: Store;
}

/** By field number. What is not described is not read. */
export type Message = readonly (Field | undefined)[];

/** Field number → field. */
export function message(fields: Readonly<Record<number, Field>>): Message {
  const byNumber: (Field | undefined)[] = [];
  for (const [number, field] of Object.entries(fields)) byNumber[Number(number)] = field;
  return Array.from(byNumber);
}

export function decodeMessage(bytes: Buffer, description: Message): Fields {
  return readMessage({ bytes, at: 0 }, description, bytes.length);
}

function readMessage(cursor: Cursor, description: Message, end: number): Fields {
  const into: Fields = {};
  while (cursor.at < end) {
    const tag = readVarint(cursor, end);
    const number = Math.floor(tag / 8);
    const field = description[number];
    if (number === 0) throw new ProtobufError('field 0');
    if (field === undefined) skipValue(cursor, tag, end);
    else if ((tag & 7) === field.wire) field.store(into, cursor, end);
    else throw new ProtobufError(`field ${number} has wire type ${tag & 7}, not ${field.wire}`);
  }
  return into;
}

function readText(cursor: Cursor, end: number): string {
  const to = readEnd(cursor, end);
  const value = cursor.bytes.toString('utf8', cursor.at, to);
  cursor.at = to;
  return value;
}

/** Kubernetes sends texts that are empty, where JSON leaves them out. */
export const text = (name: string): Field => ({
  wire: BYTES,
  store(into, cursor, end) {
    const value = readText(cursor, end);
    if (value !== '') into[name] = value;
  },
});

/** A pointer in Go: empty is not absent. */
export const optionalText = (name: string): Field => ({
  wire: BYTES,
  store: (into, cursor, end) => void (into[name] = readText(cursor, end)),
});

export const texts = (name: string): Field => ({
  wire: BYTES,
  store: (into, cursor, end) => void listAt(into, name).push(readText(cursor, end)),
});

export const int32 = (name: string): Field => ({
  wire: VARINT,
  store(into, cursor, end) {
    const value = readInt32(cursor, end);
    if (value !== 0) into[name] = value;
  },
});

export const optionalInt32 = (name: string): Field => ({
  wire: VARINT,
  store: (into, cursor, end) => void (into[name] = readInt32(cursor, end)),
});

export const optionalFlag = (name: string): Field => ({
  wire: VARINT,
  store: (into, cursor, end) => void (into[name] = readVarint(cursor, end) !== 0),
});

export const bytes = (name: string): Field => ({
  wire: BYTES,
  store(into, cursor, end) {
    const to = readEnd(cursor, end);
    into[name] = cursor.bytes.subarray(cursor.at, to);
    cursor.at = to;
  },
});

export const one = (name: string, description: Message): Field => ({
  wire: BYTES,
  store: (into, cursor, end) => void (into[name] = readMessage(cursor, description, readEnd(cursor, end))),
});

export const many = (name: string, description: Message): Field => ({
  wire: BYTES,
  store: (into, cursor, end) =>
    void listAt(into, name).push(readMessage(cursor, description, readEnd(cursor, end))),
});

function listAt(into: Fields, name: string): unknown[] {
  const list = into[name];
  if (list !== undefined) return list as unknown[];
  const made: unknown[] = [];
  into[name] = made;
  return made;
}

const ENTRY = message({ 1: optionalText('key'), 2: optionalText('value') });

/** `map<string, string>`. */
export const textMap = (name: string): Field => ({
  wire: BYTES,
  store(into, cursor, end) {
    const { key = '', value = '' } = readMessage(cursor, ENTRY, readEnd(cursor, end));
    const map = (into[name] ??= {}) as Fields;
    // Not an assignment: a key may be `__proto__`.
    Object.defineProperty(map, String(key), { value, configurable: true, enumerable: true, writable: true });
  },
});

/** Years 1 to 9999: the range of RFC 3339. */
const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;

/** `Time` as JSON has it, in whole seconds. Go sends its zero, which JSON has as null, as no bytes. */
export const time = (name: string): Field => ({
  wire: BYTES,
  store(into, cursor, end) {
    const to = readEnd(cursor, end);
    if (cursor.at === to) return;
    const seconds = readSeconds(cursor, to);
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) {
      throw new ProtobufError(`${name} is ${seconds} seconds from 1970`);
    }
    into[name] = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  },
});

function readSeconds(cursor: Cursor, end: number): number {
  let seconds = 0;
  while (cursor.at < end) {
    const tag = readVarint(cursor, end);
    if (tag === 8) seconds = readInt64(cursor, end);
    else skipValue(cursor, tag, end);
  }
  return seconds;
}
