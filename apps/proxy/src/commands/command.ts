/** A row of the table of commands, and the arguments of a command when it runs. */
import type { Composition } from '../compose/composition.ts';
import type { Surroundings } from '../config/complete.ts';
import type { Settings } from '../config/settings.ts';
import type { ParsedFlags } from '../flags/parse.ts';
import type { Syntax } from '../flags/syntax.ts';
import type { Logging } from '../logging/logger.ts';
import type { OwnValues } from './own-values.ts';
import type { Outcome } from './outcome.ts';

/** `print` writes the output of the command; log lines are written separately. */
export interface Terminal {
  print(text: string): void;
  hint(text: string): void;
  /** One line that the next call replaces; empty: none. Absent if the output is not a terminal. */
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

/** With the settings from the flags and the configuration file of the proxy. */
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
  /** Further description, if one line is not enough. */
  readonly description?: string;
  readonly examples: readonly Example[];
  /** Exit status → its meaning. */
  readonly statuses: Readonly<Record<number, string>>;
}

export type Command = Row &
  (
    | { readonly needs: 'settings'; readonly run: (invocation: Invocation) => Outcome | Promise<Outcome> }
    /** The flags of the proxy are then not accepted. */
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
