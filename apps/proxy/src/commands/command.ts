/** What a row of the table of commands defines, and what a command gets when it runs. */
import type { Composition } from '../compose/composition.ts';
import type { Surroundings } from '../config/complete.ts';
import type { Settings } from '../config/settings.ts';
import type { ParsedFlags } from '../flags/parse.ts';
import type { Syntax } from '../flags/syntax.ts';
import type { Logging } from '../logging/logger.ts';
import type { OwnValues } from './own-values.ts';
import type { Outcome } from './outcome.ts';

/** `print` takes what the operator asked to see; log lines go their own way. */
export interface Terminal {
  print(text: string): void;
  hint(text: string): void;
  /** One line that the next one replaces; empty: none. Absent where no person watches. */
  readonly progress?: (line: string) => void;
}

interface Example {
  readonly line: string;
  readonly what: string;
}

/** A command line, parsed. */
export interface Request {
  readonly command: Command;
  /** The whole table. */
  readonly commands: readonly Command[];
  readonly composition: Composition;
  readonly terminal: Terminal;
  /** Arguments, as many as the command declares; an optional one may be absent. */
  readonly words: readonly string[];
  /** The command line without the arguments. */
  readonly flagWords: readonly string[];
  readonly own: OwnValues;
}

/** With the settings that flags and file of the proxy make. */
export interface Invocation extends Request {
  readonly settings: Settings;
  readonly flags: ParsedFlags;
  readonly around: Surroundings;
  readonly logging: Logging;
}

interface Row extends Omit<Syntax, 'program' | 'takesProxyFlags'> {
  readonly name: string;
  /** Earlier names: they work, with a notice. */
  readonly formerNames?: readonly string[];
  /** One line for the list of commands; starts with a capital, no final stop. */
  readonly summary: string;
  /** More, where a line is not enough. */
  readonly description?: string;
  readonly examples: readonly Example[];
  /** Exit status → what it stands for. */
  readonly statuses: Readonly<Record<number, string>>;
}

export type Command = Row &
  (
    | { readonly needs: 'settings'; readonly run: (invocation: Invocation) => Outcome | Promise<Outcome> }
    /** The flags of the proxy are then not taken. */
    | { readonly needs: 'nothing'; readonly run: (request: Request) => Outcome | Promise<Outcome> }
  );

export function syntaxOf(command: Command): Syntax {
  const { name, arguments: args, flags, needs } = command;
  return { program: `signalbox ${name}`, arguments: args, flags, takesProxyFlags: needs === 'settings' };
}

/** `-o text|json` of commands that print an answer. */
export function outputFlag(...choices: readonly string[]): Syntax['flags'][number] {
  return {
    name: 'output',
    short: 'o',
    kind: 'string',
    choices,
    initial: choices[0] ?? 'text',
    help: 'Format of the answer.',
  };
}
