/** `signalbox windows-service install|uninstall|status`: registers this program with the Windows service control manager. */
import { formatBackendError, type Result } from '@signalbox/core';
import type { Services } from '../compose/composition.ts';
import { NO_INSPECTOR } from '../node/no-inspector-flag.ts';
import type { Command, Invocation } from './command.ts';
import { DONE, failed, type Outcome } from './outcome.ts';

export interface ServiceCommand {
  readonly services: Services;
  /** What follows the name of the command. */
  readonly words: readonly string[];
  /** Node.js and this program. */
  readonly program: readonly string[];
  /** The service runs with these. */
  readonly flags: readonly string[];
  readonly print: (text: string) => void;
}

const ACTIONS = ['install', 'uninstall', 'status'];

const SERVICE_USAGE = `Usage: signalbox windows-service ${ACTIONS.join('|')} [flags]`;

export const windowsServiceCommand: Command = {
  name: 'windows-service',
  formerNames: ['service'],
  summary: 'Install, remove or show the Windows service (only on Windows)',
  arguments: [
    {
      name: 'ACTION',
      help: 'install: the service "kube-proxy" runs this program with the flags given here.',
      choices: ACTIONS,
    },
  ],
  flags: [],
  examples: [
    {
      line: String.raw`signalbox windows-service install --config C:\k\kube-proxy.conf`,
      what: 'the service starts with this configuration',
    },
  ],
  statuses: { 0: 'done', 1: 'error' },
  needs: 'settings',
  run: controlService,
};

async function controlService({ composition, words, flagWords, terminal }: Invocation): Promise<Outcome> {
  const services = await composition.services();
  if (services === null) return failed('signalbox windows-service: only on Windows');
  const program = [process.execPath, ...NO_INSPECTOR, process.argv[1] ?? ''];
  return serviceCommand({
    services,
    words,
    program,
    flags: flagWords,
    print: (text) => terminal.print(text),
  });
}

export async function serviceCommand(command: ServiceCommand): Promise<Outcome> {
  const { words, print } = command;
  if (words.length !== 1) return failed(SERVICE_USAGE);
  const result = await dispatch(command);
  if (result === null) return failed(SERVICE_USAGE);
  if (!result.ok) return failed(formatBackendError(result.error));
  print(`${result.value}\n`);
  return DONE;
}

function dispatch({ services, words, program, flags }: ServiceCommand): Promise<Result<string>> | null {
  const [action = ''] = words;
  switch (action) {
    case 'install':
      return services.install({ command: [...program, '--windows-service', ...flags] });
    case 'uninstall':
      return services.uninstall();
    case 'status':
      return services.status();
    default:
      return null;
  }
}
