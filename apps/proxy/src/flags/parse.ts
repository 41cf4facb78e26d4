import { fail, succeed, type Result } from '@signalbox/core';
import { kindOf, type Decoded, type FieldValue } from '../config/kinds.ts';
import { invalidArgument } from '../config/problem.ts';
import { FLAGS, flagNamed, type Flag } from './flags.ts';
import { didYouMean } from './nearest.ts';
import { showUsage, type Argument, type OwnFlag, type Syntax } from './syntax.ts';

export interface ParsedFlags {
  /** Flags that were given, by name. */
  readonly given: ReadonlyMap<string, FieldValue>;
  /** How their names were typed, for messages: `--proxy_mode` or `-v`. */
  readonly typed: ReadonlyMap<string, string>;
}

interface ParsedLine {
  /** Of the proxy. */
  readonly flags: ParsedFlags;
  /** Flags of the command, with the initial value of those that were not given. */
  readonly own: ReadonlyMap<string, FieldValue>;
  /** Arguments of the command. */
  readonly words: readonly string[];
  /** The command line without the arguments. */
  readonly flagWords: readonly string[];
}

type AnyFlag = Flag | OwnFlag;

interface Token {
  readonly flag: AnyFlag;
  /** Its name as typed. */
  readonly shown: string;
  readonly text: string;
}

/** A problem with the command line; caught in parseFlags and nowhere else. */
class UsageError extends Error {}

const SHORTHANDS: Readonly<Record<string, string>> = { v: 'v', h: 'help' };

/** The command line of the proxy itself: kube-proxy's. */
const PROXY: Syntax = { program: 'signalbox', arguments: [], flags: [], takesProxyFlags: true };

/** What is left to be read, and the arguments found. */
interface Reading {
  readonly syntax: Syntax;
  readonly rest: string[];
  readonly words: string[];
  readonly flagWords: string[];
}

/** Reads a command line by the rules of Go's pflag: `--x=1`, `--x 1`, bare booleans, `-v4`, `_` for `-`. */
export function parseFlags(argv: readonly string[], syntax: Syntax = PROXY): Result<ParsedLine, string> {
  try {
    const given = new Map<string, FieldValue>();
    const typed = new Map<string, string>();
    const own = new Map(syntax.flags.map((flag) => [flag.name, initialValue(flag)] as const));
    const reading: Reading = { syntax, rest: [...argv], words: [], flagWords: [] };
    for (const token of tokens(reading)) {
      const into = own.has(token.flag.name) ? own : given;
      into.set(token.flag.name, valueOf(token, given));
      typed.set(token.flag.name, token.shown);
    }
    const { words, flagWords } = reading;
    // --help is answered whatever else is missing.
    if (given.get('help') !== true) checkArguments(words, syntax);
    return succeed({ flags: { given, typed }, own, words, flagWords });
  } catch (error) {
    if (error instanceof UsageError) return fail(error.message);
    throw error;
  }
}

function initialValue(flag: OwnFlag): FieldValue {
  if (flag.initial === undefined) return kindOf(flag.kind).initial;
  const parsed = parseFlagValue(flag, flag.initial);
  if (!parsed.ok) throw new Error(`initial value of --${flag.name}: ${parsed.error}`);
  return parsed.value;
}

function* tokens(reading: Reading): Generator<Token> {
  const { rest, flagWords } = reading;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      for (const each of rest.splice(0)) addArgument(each, reading);
    } else if (!word.startsWith('-') || word === '-') addArgument(word, reading);
    else {
      const after = [...rest];
      yield* word.startsWith('--') ? [longFlag(word, reading)] : shortFlags(word, reading);
      flagWords.push(word, ...after.slice(0, after.length - rest.length));
    }
  }
}

function addArgument(word: string, { syntax, words }: Reading): void {
  if (words.length === syntax.arguments.length) {
    const most = syntax.arguments.length === 0 ? 'any arguments' : 'more arguments';
    throw new UsageError(
      `${syntax.program} does not take ${most}, got ${JSON.stringify(word)}${usage(syntax)}`,
    );
  }
  words.push(word);
}

/** kube-proxy's own line has none. */
function usage(syntax: Syntax): string {
  return syntax === PROXY ? '' : `. Usage: ${showUsage(syntax)}`;
}

function checkArguments(words: readonly string[], syntax: Syntax): void {
  for (const [at, argument] of syntax.arguments.entries()) {
    const word = words[at];
    if (word !== undefined) checkChoice(word, argument);
    else if (argument.optional !== true) throw new UsageError(`${argument.name}: required${usage(syntax)}`);
  }
}

function checkChoice(word: string, { name, choices }: Argument): void {
  if (choices?.includes(word) === false) throw new UsageError(notAChoice(name, word, choices));
}

function notAChoice(what: string, text: string, choices: readonly string[]): string {
  const allowed = new Intl.ListFormat('en', { type: 'disjunction' }).format(choices);
  return `${what}: ${text} is not ${allowed}${didYouMean(text, choices)}`;
}

function lookUp(name: string, { flags, takesProxyFlags }: Syntax): AnyFlag | undefined {
  const own = flags.find((flag) => flag.name === name);
  if (own !== undefined) return own;
  return takesProxyFlags || name === 'help' ? flagNamed(name) : undefined;
}

function longFlag(word: string, { syntax, rest }: Reading): Token {
  const [, typed = '', value] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  const flag = lookUp(typed.replaceAll('_', '-'), syntax);
  if (flag === undefined) throw new UsageError(unknownFlag(typed, syntax));
  const shown = `--${typed}`;
  return { flag, shown, text: value ?? kindOf(flag.kind).implied ?? next(shown, rest) };
}

function* shortFlags(word: string, { syntax, rest }: Reading): Generator<Token> {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? '';
    const own = syntax.flags.find(({ short }) => short === letter);
    const flag = own ?? lookUp(SHORTHANDS[letter] ?? '', syntax);
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
  if (!('group' in flag) && flag.choices?.includes(text) === false)
    throw new UsageError(notAChoice(shown, text, flag.choices));
  const parsed = parseFlagValue(flag, text);
  if (!parsed.ok) throw new UsageError(invalidArgument(shown, text, parsed.error));
  const before = given.get(flag.name);
  return before === undefined
    ? parsed.value
    : (kindOf(flag.kind).merge?.(before, parsed.value) ?? parsed.value);
}

export function parseFlagValue({ kind, choices }: AnyFlag, text: string): Decoded<FieldValue> {
  if (choices?.includes(text) === false)
    return fail(`must be ${choices.join(' or ')}${didYouMean(text, choices)}`);
  return kindOf(kind).parse(text);
}

function unknownFlag(typed: string, { flags, takesProxyFlags }: Syntax): string {
  const known = [...flags, ...(takesProxyFlags ? FLAGS : [{ name: 'help' }])].map(({ name }) => name);
  return `unknown flag: --${typed}${didYouMean(typed.replaceAll('_', '-'), known, '--')}`;
}
