/** Values that only a malicious program passes, and every place of a change where they can occur. */

/** Text that ends a line, a string of C, a word or a quotation, or that is too long for a field. */
export const HOSTILE_TEXTS: readonly string[] = [
  'x\n-P INPUT DROP',
  'x\nCOMMIT\n*nat\n:EVIL - [0:0]',
  '10.0.0.1\n-A INPUT -j DROP',
  '10.0.0.1 -j ACCEPT',
  '10.0.0.1\r',
  '10.0.0.1\0',
  'a\0b',
  'a" -j ACCEPT -m comment --comment "',
  "a' -j ACCEPT",
  'a\\',
  '--jump',
  '\u001b[2J',
  '\u2028',
  '::1%eth0',
  'fd00::1\n',
  '10.0.0.0/8\n',
  'x'.repeat(70_000),
];

/** `HOSTILE_TEXTS`, and values of other types that no field of a change may accept unchecked. */
export const HOSTILE_VALUES: readonly unknown[] = [
  ...HOSTILE_TEXTS,
  undefined,
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  0.5,
  65_536,
  2 ** 53,
  10n,
  true,
  [],
  {},
  [null],
  Symbol('port'),
  () => 80,
];

/** Path of a part of a value: names of fields and indexes of arrays, outermost first. */
export type Place = readonly (string | number)[];

/** Every place below a value, containers included. */
export function placesOf(value: unknown, place: Place = []): readonly Place[] {
  if (typeof value !== 'object' || value === null) return [place];
  const inner = Object.entries(value).flatMap(([name, part]) => placesOf(part, [...place, name]));
  return [place, ...inner];
}

/** A copy of the value with another part at that place. Nothing else is copied: shared objects stay shared. */
export function replacedAt(value: unknown, [step, ...rest]: Place, part: unknown): unknown {
  if (step === undefined) return part;
  if (Array.isArray(value)) return value.with(Number(step), replacedAt(value[Number(step)], rest, part));
  const fields = value as Readonly<Record<string, unknown>>;
  return { ...fields, [step]: replacedAt(fields[step], rest, part) };
}
