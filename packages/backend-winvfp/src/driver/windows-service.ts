/** This process as a Windows service (`--windows-service`): the interface to the service control manager. */
import { backendError, type BackendError, fail, type Result, succeed } from '@signalbox/core';
import { parseReply } from '../encode/reply.ts';
import { formatHresult } from '../objects/hresult.ts';
import type { NativeLayer } from './native-layer.ts';

/** The name that kube-proxy registers under; scripts of clusters use it. */
export const DEFAULT_SERVICE_NAME = 'kube-proxy';

/** This process as a running Windows service. */
export interface WindowsService {
  /** Resolves once, when the service control manager requests a stop. It then waits 30 s for `finish`. */
  readonly stopRequested: Promise<'stop' | 'shutdown'>;
  /** Reports to the service control manager that the service has stopped; end the process after that. */
  finish(exitCode: number): Promise<void>;
}

/** ERROR_FAILED_SERVICE_CONTROLLER_CONNECT as an HRESULT. */
const NOT_A_SERVICE = 0x8007_0427;

/** Resolves when the manager considers the service running. Once per process, within 30 s of its start. */
export async function createWindowsService(
  layer: NativeLayer,
  name: string = DEFAULT_SERVICE_NAME,
): Promise<Result<WindowsService>> {
  const call = async (fields: Readonly<Record<string, string>>): Promise<ReturnType<typeof parseReply>> =>
    parseReply(await layer.invoke(JSON.stringify(fields)));
  const started = await call({ op: 'service-start', name });
  if (started.hresult !== 0) return fail(startError(started.hresult, started.call, name));
  const stopRequested = call({ op: 'service-wait' }).then((reply) =>
    reply.items[0] === 'shutdown' ? 'shutdown' : 'stop',
  );
  const finish = async (exitCode: number): Promise<void> => {
    await call({ op: 'service-finish', exit: String(exitCode) });
  };
  return succeed({ stopRequested, finish });
}

function startError(hresult: number, call: string, name: string): BackendError {
  const why =
    hresult === NOT_A_SERVICE
      ? `the service control manager did not start this process: use "sc.exe start ${name}", or leave --windows-service out`
      : 'the service control manager refused';
  return backendError('unavailable', call, `${why} (${formatHresult(hresult)})`, { kernel: 'unchanged' });
}
