import { kindOf } from '../config/kinds.ts';
import { describeModes } from '../modes/choose-mode.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';
import { FLAGS, type Flag } from './flags.ts';
import type { OwnFlag } from './syntax.ts';

const WIDTH = 100;
const INDENT = 8;

/** The text of `--help`: one group of flags after another. */
export function helpText(modes: readonly ProxyMode[]): string {
  const groups = new Map<string, Flag[]>();
  for (const flag of FLAGS) groups.set(flag.group, [...(groups.get(flag.group) ?? []), flag]);
  const parts = [...groups].map(([group, flags]) => `${group}\n${flags.map(describe).join('')}`);
  return `${INTRODUCTION}\n${parts.join('\n')}`;

  function describe(flag: Flag): string {
    return describeFlag(flag, flag.help.replace('{modes}', describeModes(modes)));
  }
}

const INTRODUCTION = `signalbox: a service proxy for Kubernetes nodes. It takes kube-proxy's flags and configuration.

  signalbox --config=/var/lib/kube-proxy/config.conf     as in kubeadm's DaemonSet
  signalbox --proxy-mode=iptables --manifests=./objects  no API server: objects from YAML files
  signalbox COMMAND                                      signalbox help lists the commands

Usage: signalbox [flags]
`;

export function describeFlag(flag: Described, help: string): string {
  return `  ${flagName(flag)}\n${wrap(help + notesOf(flag))}\n`;
}

/** `-o, --output <text|json>` */
export function flagName(flag: Described): string {
  const letter = flag.short ?? LETTERS[flag.name];
  return `${letter === undefined ? '' : `-${letter}, `}--${flag.name}${placeholder(flag)}`;
}

/** Behind the help: the default, and what is used instead. */
export function notesOf({ initial = '', deprecated }: Described): string {
  const notes: string[] = [];
  if (initial !== '' && initial !== 'false') notes.push(`default ${initial}`);
  if (deprecated !== undefined) notes.push(`deprecated: ${deprecated}`);
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`;
}

/** Flags of the proxy with a letter. */
export const LETTERS: Readonly<Record<string, string>> = { help: 'h', v: 'v' };

/** A flag of the proxy, or of one command. */
type Described = OwnFlag & Pick<Flag, 'deprecated'>;

function placeholder({ kind, choices, placeholder: own }: OwnFlag): string {
  const shown = choices?.join('|') ?? own ?? kindOf(kind).placeholder;
  return shown === '' ? '' : ` <${shown}>`;
}

export function wrap(text: string, indent = INDENT): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const fits = last !== undefined && last.length + word.length + 1 <= WIDTH - indent;
    if (fits) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n');
}
