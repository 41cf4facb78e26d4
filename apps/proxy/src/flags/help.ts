import { kindOf } from '../config/kinds.ts';
import { describeModes } from '../modes/choose-mode.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';
import { FLAGS, type Flag } from './flags.ts';

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
  signalbox explain 10.244.1.9 10.96.0.10:80/tcp         what happens to a packet, and why
  signalbox migrate --to=nftables --dry-run [-o json]    what another mode would change: status 0
                                                         nothing for users, 2 see there, 1 error

Usage: signalbox [flags]
`;

export const USAGE_HINT = 'Usage: signalbox [flags]   (signalbox --help lists them)';

function describeFlag(flag: Flag, help: string): string {
  const notes: string[] = [];
  if (flag.initial !== '' && flag.initial !== 'false') notes.push(`default ${flag.initial}`);
  if (flag.deprecated !== undefined) notes.push(`deprecated: ${flag.deprecated}`);
  const tail = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  const short = flag.name === 'help' ? '-h, ' : flag.name === 'v' ? '-v, ' : '';
  return `  ${short}--${flag.name}${placeholder(flag)}\n${wrap(help + tail)}\n`;
}

function placeholder({ kind, choices }: Flag): string {
  const shown = choices?.join('|') ?? kindOf(kind).placeholder;
  return shown === '' ? '' : ` <${shown}>`;
}

function wrap(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const fits = last !== undefined && last.length + word.length + 1 <= WIDTH - INDENT;
    if (fits) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => ' '.repeat(INDENT) + line).join('\n');
}
