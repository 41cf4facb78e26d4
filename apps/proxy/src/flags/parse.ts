import { kindOf, type Decoded, type FieldValue } from '../config/kinds.ts';
import { invalidArgument } from '../config/problem.ts';
import { FLAGS, flagNamed, type Flag } from './flags.ts';

export interface ParsedFlags {
  /** Flags that were given, by name. */
  readonly given: ReadonlyMap<string, FieldValue>;
  /** How their names were typed, for messages: `--proxy_mode` or `-v`. */
  readonly typed: ReadonlyMap<string, string>;
}

export type ParseResult =
  { readonly ok: true; readonly flags: ParsedFlags } | { readonly ok: false; readonly error: string };

interface Token {
  readonly flag: Flag;
  /** Its name as typed. */
  readonly shown: string;
  readonly text: string;
}

/** A problem with the command line; caught in parseFlags and nowhere else. */
class UsageError extends Error {}

const SHORTHANDS: Readonly<Record<string, string>> = { v: 'v', h: 'help' };

/** Reads a command line by the rules of Go's pflag: `--x=1`, `--x 1`, bare booleans, `-v4`, `_` for `-`. */
export function parseFlags(argv: readonly string[]): ParseResult {
  try {
    const given = new Map<string, FieldValue>();
    const typed = new Map<string, string>();
    for (const token of tokens(argv)) {
      given.set(token.flag.name, valueOf(token, given));
      typed.set(token.flag.name, token.shown);
    }
    return { ok: true, flags: { given, typed } };
  } catch (error) {
    if (error instanceof UsageError) return { ok: false, error: error.message };
    throw error;
  }
}

function* tokens(argv: readonly string[]): Generator<Token> {
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--' && rest.length === 0) return;
    if (!word.startsWith('-') || word === '-' || word === '--') {
      const culprit = word === '--' ? rest[0] : word;
      throw new UsageError(`signalbox does not take any arguments, got ${JSON.stringify(culprit)}`);
    }
    if (word.startsWith('--')) yield longFlag(word, rest);
    else yield* shortFlags(word, rest);
  }
}

function longFlag(word: string, rest: string[]): Token {
  const [, typed = '', value] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  const flag = flagNamed(typed.replaceAll('_', '-'));
  if (flag === undefined) throw new UsageError(unknownFlag(typed));
  const shown = `--${typed}`;
  return { flag, shown, text: value ?? kindOf(flag.kind).implied ?? next(shown, rest) };
}

function* shortFlags(word: string, rest: string[]): Generator<Token> {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? '';
    const flag = flagNamed(SHORTHANDS[letter] ?? '');
    const shown = `-${letter}`;
    if (flag === undefined) throw new UsageError(`unknown shorthand flag: '${letter}' in ${word}`);
    const attached = word.slice(at + 1);
    if (attached.startsWith('=')) return yield { flag, shown, text: attached.slice(1) };
    const text = kindOf(flag.kind).implied;
    if (text === undefined)
      return yield { flag, shown, text: attached === '' ? next(shown, rest) : attached };
    yield { flag, shown, text };
  }
}

function next(shown: string, rest: string[]): string {
  const value = rest.shift();
  if (value === undefined) throw new UsageError(`flag needs an argument: ${shown}`);
  return value;
}

function valueOf({ flag, shown, text }: Token, given: ReadonlyMap<string, FieldValue>): FieldValue {
  const parsed = parseFlagValue(flag, text);
  if (!parsed.ok) throw new UsageError(invalidArgument(shown, text, parsed.reason));
  const before = given.get(flag.name);
  return before === undefined
    ? parsed.value
    : (kindOf(flag.kind).merge?.(before, parsed.value) ?? parsed.value);
}

export function parseFlagValue({ kind, choices }: Flag, text: string): Decoded<FieldValue> {
  if (choices?.includes(text) === false) return { ok: false, reason: `must be ${choices.join(' or ')}` };
  return kindOf(kind).parse(text);
}

function unknownFlag(typed: string): string {
  const wanted = typed.replaceAll('_', '-');
  const near = FLAGS.map(({ name }) => ({ name, distance: distance(name, wanted) }))
    .filter((entry) => entry.distance <= Math.min(3, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance)[0];
  return `unknown flag: --${typed}${near === undefined ? '' : ` (did you mean --${near.name}?)`}`;
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
  }
  return row[b.length] ?? 0;
}
