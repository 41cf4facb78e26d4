/** Help texts of commands: the list, the help of one command, and the line after an error. */
import { describeFlag, wrap } from '../flags/help.ts';
import { showUsage, type OwnFlag } from '../flags/syntax.ts';
import { syntaxOf, type Command } from './command.ts';

/** `signalbox help` */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}\n`);
  return `Usage: signalbox [flags]           run the proxy (signalbox --help lists its flags)
       signalbox COMMAND [flags]

Commands
${lines.join('')}
signalbox help COMMAND describes one of them.
`;
}

/** `signalbox help COMMAND`, `signalbox COMMAND --help` */
export function commandHelp(command: Command): string {
  const { summary, description, arguments: args, flags, examples, statuses, needs } = command;
  const parts = [
    `${summary}.\n${description === undefined ? '' : `\n${wrap(description, 0)}\n`}`,
    `Usage: ${showUsage(syntaxOf(command))}\n`,
    args.map(({ name, help }) => `  ${name}\n${wrap(help)}\n`).join(''),
    [...flags, HELP].map((flag) => describeFlag(flag, flag.help)).join(''),
    needs === 'settings' ? 'The flags of the proxy apply, too: signalbox --help lists them.\n' : '',
    `Examples\n${examples.map(({ line, what }) => `  ${line}\n${wrap(what)}\n`).join('')}`,
    `Exit status\n${Object.entries(statuses)
      .map(([status, what]) => `  ${status}  ${what}\n`)
      .join('')}`,
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** Every command has it. */
export const HELP: OwnFlag = { name: 'help', short: 'h', kind: 'bool', help: 'Show this text.' };

/** The line printed with an error of the command line. */
export function usageHint(command: Command | null): string {
  return command === null
    ? 'Usage: signalbox [flags]   (signalbox --help lists them)'
    : `Usage: ${showUsage(syntaxOf(command))}   (signalbox help ${command.name})`;
}
