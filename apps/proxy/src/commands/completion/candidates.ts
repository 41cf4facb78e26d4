/** Candidates for completion in a shell, derived from the table of commands and the flags of the proxy. */
import { kindOf } from '../../config/kinds.ts';
import { FLAGS, type Flag } from '../../flags/flags.ts';
import { LETTERS } from '../../flags/help.ts';
import type { OwnFlag } from '../../flags/syntax.ts';
import type { Command } from '../command.ts';
import { HELP } from '../command-help.ts';

/** Possible values of a flag. */
export type Value = 'none' | 'file' | 'folder' | 'text' | readonly string[];

export interface CompletedFlag {
  readonly name: string;
  readonly letter: string | null;
  readonly help: string;
  readonly value: Value;
}

export interface CompletedCommand {
  /** Empty: the proxy itself. */
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
  readonly takesProxyFlags: boolean;
  /** Possible values of an argument. */
  readonly words: readonly string[];
}

export interface Candidates {
  readonly commands: readonly CompletedCommand[];
  readonly proxyFlags: readonly CompletedFlag[];
}

/** Flags whose value is a path; their kind does not contain this. */
export const PATHS: Readonly<Record<string, 'file' | 'folder'>> = {
  config: 'file',
  kubeconfig: 'file',
  'write-config-to': 'file',
  manifests: 'folder',
};

export function candidatesOf(commands: readonly Command[], modes: readonly string[]): Candidates {
  const names = commands.map(({ name }) => name);
  return {
    commands: commands.map(({ name, summary, arguments: args, flags, needs }) => ({
      name,
      summary,
      flags: (needs === 'settings' ? flags : [...flags, HELP]).map((flag) => completed(flag, modes)),
      takesProxyFlags: needs === 'settings',
      words: args.flatMap((argument) => (argument.name === 'COMMAND' ? names : (argument.choices ?? []))),
    })),
    proxyFlags: FLAGS.map((flag) => completed(flag, modes)),
  };
}

function completed(flag: OwnFlag | Flag, modes: readonly string[]): CompletedFlag {
  const letter = 'short' in flag ? flag.short : LETTERS[flag.name];
  const [help = ''] = flag.help.replace(/ ?\{modes\}/, '').split(/(?<=[^.])[.:;](?= |$)/);
  return { name: flag.name, letter: letter ?? null, help, value: valueOf(flag, modes) };
}

function valueOf(flag: OwnFlag | Flag, modes: readonly string[]): Value {
  const { name, kind, choices } = flag;
  if (kindOf(kind).implied !== undefined) return 'none';
  const isMode = name === 'proxy-mode' || ('placeholder' in flag && flag.placeholder === 'mode');
  return choices ?? (isMode ? modes : (PATHS[name] ?? 'text'));
}
