/** `signalbox service install|uninstall|status`: registers this program with the Windows service control manager. */
import { formatBackendError, type BackendError } from '@signalbox/core';
import { DONE, failed, type Outcome } from './outcome.ts';

type Told = { readonly value: string } | { readonly error: BackendError };

/** The manager as far as it is used; the real one runs sc.exe. */
export interface Services {
  install(installation: { readonly command: readonly string[] }): Promise<Told>;
  uninstall(): Promise<Told>;
  status(): Promise<Told>;
}

export interface ServiceCommand {
  readonly services: Services;
  /** What follows the word `service`. */
  readonly words: readonly string[];
  /** Node.js and this program. */
  readonly program: readonly string[];
  /** The service runs with these. */
  readonly flags: readonly string[];
  readonly print: (text: string) => void;
}

const SERVICE_USAGE = 'Usage: signalbox service install|uninstall|status [flags]';

export async function serviceCommand(command: ServiceCommand): Promise<Outcome> {
  const { words, print } = command;
  if (words.length !== 1) return failed(SERVICE_USAGE);
  const told = await order(command);
  if (told === null) return failed(SERVICE_USAGE);
  if ('error' in told) return failed(formatBackendError(told.error));
  print(`${told.value}\n`);
  return DONE;
}

function order({ services, words, program, flags }: ServiceCommand): Promise<Told> | null {
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
