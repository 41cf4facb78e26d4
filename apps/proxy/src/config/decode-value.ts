import { parseDuration } from './duration.ts';
import type { FieldKind, FieldValue } from './fields.ts';

export type Decoded<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

const good = <T>(value: T): Decoded<T> => ({ ok: true, value });
const bad = (reason: string): Decoded<never> => ({ ok: false, reason });

/** One value of a parsed YAML or JSON document as a field's value, or why it cannot be one. */
export function decodeValue(kind: FieldKind, raw: unknown): Decoded<FieldValue> {
  return DECODERS[kind](raw);
}

const DECODERS: Readonly<Record<FieldKind, (raw: unknown) => Decoded<FieldValue>>> = {
  string: (raw) => (typeof raw === 'string' ? good(raw) : bad('must be a string')),
  bool: (raw) => (typeof raw === 'boolean' ? good(raw) : bad('must be true or false')),
  int32: (raw) => decodeInteger(raw, -(2 ** 31), 2 ** 31 - 1),
  uint32: (raw) => decodeInteger(raw, 0, 2 ** 32 - 1),
  float32: (raw) => (typeof raw === 'number' && Number.isFinite(raw) ? good(raw) : bad('must be a number')),
  duration: (raw) => decodeDuration(raw),
  'duration-or-nanoseconds': (raw) =>
    typeof raw === 'number' && Number.isInteger(raw) ? good(raw / 1e6) : decodeDuration(raw),
  strings: (raw) => decodeStrings(raw),
  'bool-map': (raw) => decodeBoolMap(raw),
  vmodule: (raw) => decodeVmodule(raw),
  quantity: (raw) => decodeQuantity(raw),
};

function decodeInteger(raw: unknown, min: number, max: number): Decoded<number> {
  if (typeof raw !== 'number' || !Number.isInteger(raw)) return bad('must be an integer');
  return raw < min || raw > max ? bad(`must be within the range [${min}, ${max}]`) : good(raw);
}

function decodeDuration(raw: unknown): Decoded<number> {
  const parsed = typeof raw === 'string' ? parseDuration(raw) : null;
  return parsed === null ? bad('must be a duration such as "30s" or "1h30m"') : good(parsed);
}

function decodeStrings(raw: unknown): Decoded<readonly string[]> {
  const valid = Array.isArray(raw) && raw.every((item) => typeof item === 'string');
  return valid ? good(raw) : bad('must be a list of strings');
}

function decodeBoolMap(raw: unknown): Decoded<Readonly<Record<string, boolean>>> {
  const valid = isObject(raw) && Object.values(raw).every((item) => typeof item === 'boolean');
  return valid ? good(raw as Record<string, boolean>) : bad('must map names to true or false');
}

function decodeVmodule(raw: unknown): Decoded<readonly unknown[]> {
  if (!Array.isArray(raw)) return bad('must be a list of {filePattern, verbosity}');
  const items: unknown[] = [];
  for (const item of raw) {
    const { filePattern = '', verbosity = 0 } = isObject(item) ? item : { filePattern: null };
    const level = decodeInteger(verbosity, 0, 2 ** 32 - 1);
    if (typeof filePattern !== 'string' || !level.ok)
      return bad('must be a list of {filePattern, verbosity}');
    items.push({ filePattern, verbosity: level.value });
  }
  return good(items);
}

const VMODULE_MEMBERS: readonly string[] = ['filePattern', 'verbosity'];

/** Members of a field's value that mean nothing, as `[0].level`; of a value that could be decoded. */
export function unknownMembers(kind: FieldKind, raw: unknown): readonly string[] {
  if (kind !== 'vmodule' || !Array.isArray(raw)) return [];
  return raw.flatMap((item: unknown, index) =>
    Object.keys(isObject(item) ? item : {})
      .filter((name) => !VMODULE_MEMBERS.includes(name))
      .map((name) => `[${index}].${name}`),
  );
}

function decodeQuantity(raw: unknown): Decoded<string> {
  const text = typeof raw === 'number' ? String(raw) : raw;
  const valid = typeof text === 'string' && /^\+?\d+(\.\d+)?(m|k|[KMGTPE]i?|)$/.test(text);
  return valid ? good(text) : bad('must be a quantity such as "0" or "64Ki"');
}

export function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
