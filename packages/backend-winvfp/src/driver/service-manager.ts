/** Registering with the service control manager, by its own tool: `signalbox service install|uninstall|status`. */
import { execFile } from 'node:child_process';
import {
  backendError,
  type BackendError,
  type Clock,
  fail,
  pause,
  type Result,
  succeed,
} from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { DEFAULT_SERVICE_NAME } from './windows-service.ts';

/** Exit status of a program, and its standard output followed by its standard error. */
export interface CommandResult {
  readonly status: number;
  readonly output: string;
}

/** Runs a program; never rejects. Status 127 if it cannot be started. */
export type RunCommand = (file: string, args: readonly string[]) => Promise<CommandResult>;

/** The Windows service to create; it starts with the system. */
export interface ServiceInstallation {
  /** Default `kube-proxy`. */
  readonly name?: string;
  readonly displayName?: string;
  /** Program and arguments: `['C:\\k\\signalbox\\node.exe', 'signalbox.js', '--windows-service', …]`. */
  readonly command: readonly string[];
  /** Names of services that must run first; HNS is always added. */
  readonly dependencies?: readonly string[];
}

/** State of a Windows service, from `sc.exe query`. */
export type ServiceState = 'running' | 'stopped' | 'starting' | 'stopping' | 'not-installed';

/**
 * Creates, deletes and queries a Windows service; the default name is `kube-proxy`. Errors: `not-permitted` (access denied),
 * `unavailable` (sc.exe cannot be started), `timeout` (no stop within 30 s), `protocol` (unknown output), else `rejected`.
 */
export interface ServiceManager {
  /** Creates the service and sets its restarts after a failure; does not start it. */
  install(installation: ServiceInstallation): Promise<Result<'installed'>>;
  /** Stops it first. */
  uninstall(name?: string): Promise<Result<'uninstalled' | 'not-installed'>>;
  /** The state of the service, as Windows reports it. */
  status(name?: string): Promise<Result<ServiceState>>;
}

/** The exit status of sc.exe is the Win32 error. */
/** An sc.exe that does not support the command (Wine's). */
const ERROR_INVALID_FUNCTION = 1;
const ERROR_ACCESS_DENIED = 5;
const ERROR_SERVICE_DOES_NOT_EXIST = 1060;
const STATES: readonly ServiceState[] = ['stopped', 'starting', 'stopping', 'running'];
const CODES: ReadonlyMap<number, 'unavailable' | 'not-permitted'> = new Map([
  [127, 'unavailable'],
  [ERROR_ACCESS_DENIED, 'not-permitted'],
]);
/** A service has 30 s to stop (its wait hint). */
const STOP_QUERIES = 60;
const STOP_PAUSE_MS = 500;

/** Runs the program without a console window. */
export const runCommand: RunCommand = (file, args) =>
  new Promise((resolve) => {
    const options = { windowsHide: true };
    execFile(file, [...args], options, (error, stdout, stderr) => {
      const failure = typeof error?.code === 'number' ? error.code : 127;
      const status = error === null ? 0 : failure;
      resolve({ status, output: `${stdout}${stderr}`.trim() });
    });
  });

/** One command line out of program and arguments, quoted as Windows programs split it. */
export function commandLine(command: readonly string[]): string {
  return command.map((part) => (/[\s"]/.test(part) || part === '' ? quoted(part) : part)).join(' ');
}

function quoted(part: string): string {
  const escaped = part.replaceAll(/(\\*)"/g, (_all, slashes: string) => `${slashes}${slashes}\\"`);
  return `"${escaped.replace(/(\\+)$/, (slashes) => slashes + slashes)}"`;
}

/** Creates a service manager that calls sc.exe through `run`, and waits by `clock`. */
export function createServiceManager(
  run: RunCommand = runCommand,
  clock: Clock = systemClock,
): ServiceManager {
  return {
    install: (installation) => install(run, installation),
    uninstall: (name = DEFAULT_SERVICE_NAME) => uninstall({ run, clock }, name),
    status: (name = DEFAULT_SERVICE_NAME) => status(run, name),
  };
}

async function install(
  run: RunCommand,
  { name = DEFAULT_SERVICE_NAME, displayName = 'Signalbox', command, dependencies = [] }: ServiceInstallation,
): Promise<Result<'installed'>> {
  const depend = ['hns', ...dependencies].join('/');
  const settings = ['type=', 'own', 'start=', 'auto', 'DisplayName=', displayName, 'depend=', depend];
  const created = await run('sc.exe', ['create', name, 'binPath=', commandLine(command), ...settings]);
  if (created.status !== 0) return failed('sc.exe create', name, created);
  return restartAfterFailure(run, name);
}

async function restartAfterFailure(run: RunCommand, name: string): Promise<Result<'installed'>> {
  // Three restarts with growing pauses (milliseconds), counted anew after an hour (seconds).
  const actions = 'restart/5000/restart/10000/restart/30000';
  const recovery = await run('sc.exe', ['failure', name, 'reset=', '3600', 'actions=', actions]);
  if (recovery.status !== 0) return failed('sc.exe failure', name, recovery);
  // Otherwise restarts apply to crashes only, and not to a process that reports its failure before it ends.
  const always = await run('sc.exe', ['failureflag', name, '1']);
  const done = always.status === 0 || always.status === ERROR_INVALID_FUNCTION;
  return done ? succeed('installed' as const) : failed('sc.exe failureflag', name, always);
}

interface Stopping {
  readonly run: RunCommand;
  readonly clock: Clock;
}

async function uninstall(stopping: Stopping, name: string): Promise<Result<'uninstalled' | 'not-installed'>> {
  const { run } = stopping;
  const found = await status(run, name);
  if (!found.ok) return found;
  if (found.value === 'not-installed') return succeed('not-installed');
  if (found.value !== 'stopped') {
    const stopped = await stop(stopping, name);
    if (!stopped.ok) return stopped;
  }
  const deleted = await run('sc.exe', ['delete', name]);
  return deleted.status === 0 ? succeed('uninstalled' as const) : failed('sc.exe delete', name, deleted);
}

async function stop({ run, clock }: Stopping, name: string): Promise<Result<'stopped'>> {
  const asked = await run('sc.exe', ['stop', name]);
  if (asked.status !== 0) return failed('sc.exe stop', name, asked);
  for (let query = 0; query < STOP_QUERIES; query += 1) {
    const now = await status(run, name);
    if (!now.ok) return now;
    if (now.value === 'stopped') return succeed('stopped');
    await pause(clock, STOP_PAUSE_MS);
  }
  const message = `service ${name} does not stop within ${(STOP_QUERIES * STOP_PAUSE_MS) / 1000} s`;
  return fail(backendError('timeout', 'sc.exe stop', message, { kernel: 'unchanged' }));
}

async function status(run: RunCommand, name: string): Promise<Result<ServiceState>> {
  const queried = await run('sc.exe', ['query', name]);
  if (queried.status === ERROR_SERVICE_DOES_NOT_EXIST) return succeed('not-installed');
  if (queried.status !== 0) return failed('sc.exe query', name, queried);
  const state = STATES[Number(/STATE\s*:\s*(\d)/.exec(queried.output)?.[1] ?? 0) - 1];
  if (state !== undefined) return succeed(state);
  return fail(backendError('protocol', 'sc.exe query', queried.output, { kernel: 'unchanged' }));
}

function failed(
  operation: string,
  name: string,
  result: CommandResult,
): ReturnType<typeof fail<BackendError>> {
  const code = CODES.get(result.status) ?? 'rejected';
  const message = `service ${name}: exit status ${result.status}`;
  const more = { kernel: 'unchanged', detail: result.output } as const;
  return fail(backendError(code, operation, message, more));
}
