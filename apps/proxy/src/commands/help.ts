/** `signalbox help [COMMAND]`: the list of commands, or one of them. */
import type { Command } from './command.ts';
import { commandHelp, overview } from './command-help.ts';
import { findCommand, unknownCommand } from './find-command.ts';
import { DONE, failed } from './outcome.ts';

export const helpCommand: Command = {
  name: 'help',
  summary: 'List the commands, or describe one of them',
  arguments: [{ name: 'COMMAND', help: 'The command to describe.', optional: true }],
  flags: [],
  examples: [{ line: 'signalbox help explain', what: 'as signalbox explain --help' }],
  statuses: { 0: 'printed', 1: 'no such command' },
  needs: 'nothing',
  run: ({ words: [name], commands, terminal }) => {
    if (name === undefined) {
      terminal.print(overview(commands));
      return DONE;
    }
    const found = findCommand(name, commands);
    if (found === undefined) return failed(unknownCommand(name, commands));
    terminal.print(commandHelp(found));
    return DONE;
  },
};
