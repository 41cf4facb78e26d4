/** `signalbox version`: this program, and the release of Kubernetes whose behaviour it implements. */
import { versionInfo } from '../version/version.ts';
import { outputFlag, type Command } from './command.ts';
import { DONE } from './outcome.ts';

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the version of Signalbox and of the Kubernetes release whose behaviour it has',
  arguments: [],
  flags: [outputFlag('text', 'json')],
  examples: [{ line: 'signalbox version -o json', what: 'all fields, as --version=raw' }],
  statuses: { 0: 'printed', 1: 'error' },
  needs: 'nothing',
  run: ({ own, terminal }) => {
    const info = versionInfo(null);
    const rows = [
      ['Signalbox', `v${info.signalboxVersion}`],
      ['Kubernetes', info.gitVersion],
      ['Runtime', info.runtimeVersion],
      ['Platform', info.platform],
    ] as const;
    terminal.print(
      own.text('output') === 'json'
        ? `${JSON.stringify(info, null, 2)}\n`
        : rows.map(([name, value]) => `${`${name}:`.padEnd(12)}${value}\n`).join(''),
    );
    return DONE;
  },
};
