/** signalbox(8) in the man macros, derived from the table of commands and the flags. */
import { FLAGS, type Flag } from '../flags/flags.ts';
import { flagName, notesOf } from '../flags/help.ts';
import { showUsage, type OwnFlag } from '../flags/syntax.ts';
import { describeModes } from '../modes/choose-mode.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';
import { SIGNALBOX_VERSION } from '../version/version.ts';
import { syntaxOf, type Command } from './command.ts';

export function manPage(commands: readonly Command[], modes: readonly ProxyMode[]): string {
  const groups = new Map<string, Flag[]>();
  for (const flag of FLAGS) groups.set(flag.group, [...(groups.get(flag.group) ?? []), flag]);
  return [
    `.TH SIGNALBOX 8 "" "Signalbox ${SIGNALBOX_VERSION}" "System Administration"`,
    '.SH NAME',
    String.raw`signalbox \- service proxy for Kubernetes nodes`,
    '.SH SYNOPSIS',
    '.B signalbox',
    text('[flags]'),
    '.br',
    '.B signalbox',
    text('COMMAND [arguments] [flags]'),
    '.SH DESCRIPTION',
    text(DESCRIPTION),
    '.SH COMMANDS',
    ...commands.flatMap(commandSection),
    '.SH FLAGS',
    ...[...groups].flatMap(([group, flags]) => [
      `.SS ${text(group)}`,
      ...flags.flatMap((flag) => flagEntry(flag, flag.help.replace('{modes}', describeModes(modes)))),
    ]),
    '.SH FILES',
    ...entry('/var/lib/kube-proxy/config.conf', 'The configuration in clusters that kubeadm made.'),
    '.SH SEE ALSO',
    ['iptables (8)', 'ipvsadm (8)', 'nft (8)', 'conntrack (8)'].map((page) => `.BR ${page}`).join(' ,\n'),
    '',
  ].join('\n');
}

const DESCRIPTION =
  "Signalbox programs a node's kernel so that traffic to the address of a Kubernetes Service reaches a healthy endpoint. It takes the flags and the configuration of kube-proxy. Without a command, the proxy runs.";

function commandSection(command: Command): readonly string[] {
  const { summary, description, arguments: args, flags, examples, statuses } = command;
  return [
    `.SS ${text(showUsage(syntaxOf(command)))}`,
    text(`${summary}.`),
    ...(description === undefined ? [] : ['.PP', text(description)]),
    ...args.flatMap(({ name, help }) => entry(name, help)),
    ...flags.flatMap((flag) => flagEntry(flag, flag.help)),
    '.PP',
    'Examples:',
    ...examples.flatMap(({ line, what }) => entry(line, `${what}.`)),
    '.PP',
    'Exit status:',
    ...Object.entries(statuses).flatMap(([status, what]) => entry(status, `${what}.`)),
  ];
}

function flagEntry(flag: OwnFlag & Pick<Flag, 'deprecated'>, help: string): readonly string[] {
  return entry(flagName(flag), help + notesOf(flag));
}

function entry(name: string, what: string): readonly string[] {
  return ['.TP', `.B ${text(name)}`, text(what)];
}

/** A line that roff prints unchanged. */
function text(line: string): string {
  return line
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll('"', String.raw`\(dq`)
    .replace(/^(?=[.'])/, String.raw`\&`);
}
