/** `signalbox completion SHELL`: a script that makes the shell complete commands, flags and values. */
import type { Command } from '../command.ts';
import { DONE } from '../outcome.ts';
import { bashCompletion } from './bash.ts';
import { candidatesOf, type Candidates } from './candidates.ts';
import { fishCompletion } from './fish.ts';
import { zshCompletion } from './zsh.ts';

const SHELLS: Readonly<Record<string, (candidates: Candidates) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export const completionCommand: Command = {
  name: 'completion',
  summary: 'Print a completion script for a shell',
  arguments: [{ name: 'SHELL', help: 'The shell that reads the script.', choices: Object.keys(SHELLS) }],
  flags: [],
  examples: [
    { line: 'signalbox completion bash > /etc/bash_completion.d/signalbox', what: 'for every user' },
    { line: 'signalbox completion zsh > "${fpath[1]}/_signalbox"', what: 'for this user' },
    { line: 'signalbox completion fish > ~/.config/fish/completions/signalbox.fish', what: 'for this user' },
  ],
  statuses: { 0: 'printed', 1: 'error' },
  needs: 'nothing',
  run: ({ words: [shell = ''], commands, composition, terminal }) => {
    const modes = composition.modes.map(({ name }) => name);
    terminal.print(SHELLS[shell]?.(candidatesOf(commands, modes)) ?? '');
    return DONE;
  },
};
