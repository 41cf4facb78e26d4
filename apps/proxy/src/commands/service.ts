/** `signalbox service install|uninstall|status`: registers this program with the Windows service control manager. */
import { formatBackendError, type Result } from '@signalbox/core';
import { DONE, failed, type Outcome } from './outcome.ts';

/** The manager as far as it is used; the real one runs sc.exe. */
export interface Services {
  install(installation: { readonly command: readonly string[] }): Promise<Result<string>>;
  uninstall(): Promise<Result<string>>;
  status(): Promise<Result<string>>;
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
