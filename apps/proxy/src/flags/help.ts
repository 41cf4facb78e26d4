import type { Flag } from './flag.ts';
import { FLAGS } from './table/index.ts';

const WIDTH = 100;
const INDENT = 8;

/** The text of `--help`: flags by what they are about, one after another. */
export function helpText(): string {
  const groups = new Map<string, Flag[]>();
  for (const flag of FLAGS) groups.set(flag.group, [...(groups.get(flag.group) ?? []), flag]);
  const parts = [...groups].map(([group, flags]) => `${group}\n${flags.map(describe).join('')}`);
  return `${INTRODUCTION}\n${parts.join('\n')}`;
}

const INTRODUCTION = `signalbox: a service proxy for Kubernetes nodes. It takes kube-proxy's flags and configuration.

  signalbox --config=/var/lib/kube-proxy/config.conf     as in kubeadm's DaemonSet
  signalbox --proxy-mode=iptables --manifests=./objects  no API server: objects from YAML files
  signalbox explain 10.244.1.9 10.96.0.10:80/tcp         what becomes of a packet, and why

Usage: signalbox [flags]
`;

export const USAGE_HINT = 'Usage: signalbox [flags]   (signalbox --help lists them)';

function describe(flag: Flag): string {
  const notes: string[] = [];
  if (flag.initial !== '' && flag.initial !== 'false') notes.push(`default ${flag.initial}`);
  if (flag.deprecated !== undefined) notes.push(`deprecated: ${flag.deprecated}`);
  const tail = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  const short = flag.name === 'help' ? '-h, ' : flag.name === 'v' ? '-v, ' : '';
  return `  ${short}--${flag.name}${placeholder(flag)}\n${wrap(flag.help + tail)}\n`;
}

function placeholder(flag: Flag): string {
  if (flag.kind === 'bool' || flag.kind === 'tri-state') return '';
  const words: Partial<Record<Flag['kind'], string>> = {
    strings: 'a,b,...',
    'bool-map': 'name=bool,...',
    vmodule: 'pattern=N,...',
    address: 'ip[:port]',
    int32: 'int',
    uint32: 'int',
    float32: 'number',
  };
  return ` <${flag.choices?.join('|') ?? words[flag.kind] ?? flag.kind}>`;
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
