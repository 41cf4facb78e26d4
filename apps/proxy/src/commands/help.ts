/** `signalbox help [COMMAND]`: the list of commands, or one of them. */
import { outputFlag, type Command } from './command.ts';
import { commandHelp, overview } from './command-help.ts';
import { findCommand, unknownCommand } from './find-command.ts';
import { manPage } from './man-page.ts';
import { DONE, failed } from './outcome.ts';

export const helpCommand: Command = {
  name: 'help',
  summary: 'List the commands, or describe one of them',
  arguments: [{ name: 'COMMAND', help: 'The command to describe.', optional: true }],
  flags: [outputFlag('text', 'man')],
  examples: [
    { line: 'signalbox help explain', what: 'as signalbox explain --help' },
    { line: 'signalbox help -o man > signalbox.8', what: 'the manual page, of all commands and flags' },
  ],
  statuses: { 0: 'printed', 1: 'no such command' },
  needs: 'nothing',
  run: ({ words: [name], own, commands, composition, terminal }) => {
    if (own.text('output') === 'man') {
      terminal.print(manPage(commands, composition.modes));
      return DONE;
    }
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
