/** Registering with the service control manager, by its own tool: `signalbox service install|uninstall|status`. */
import { execFile } from 'node:child_process';
import { backendError, type BackendError } from '@signalbox/core';
import { DEFAULT_SERVICE_NAME } from './windows-service.ts';

export interface CommandResult {
  readonly status: number;
  readonly output: string;
}

/** Runs a program; never rejects. Status 127 if it cannot be started. */
export type RunCommand = (file: string, args: readonly string[]) => Promise<CommandResult>;

export interface ServiceInstallation {
  /** Default `kube-proxy`. */
  readonly name?: string;
  readonly displayName?: string;
  /** Program and arguments: `['C:\\k\\signalbox\\node.exe', 'signalbox.js', '--windows-service', …]`. */
  readonly command: readonly string[];
  /** Names of services that must run first; HNS always is one. */
  readonly dependencies?: readonly string[];
}

export type ServiceState = 'running' | 'stopped' | 'starting' | 'stopping' | 'not-installed';

export type ServiceResult<T> = { readonly value: T } | { readonly error: BackendError };

export interface ServiceManager {
  install(installation: ServiceInstallation): Promise<ServiceResult<'installed'>>;
  /** Stops it first. */
  uninstall(name?: string): Promise<ServiceResult<'uninstalled' | 'not-installed'>>;
  status(name?: string): Promise<ServiceResult<ServiceState>>;
}

const ERROR_SERVICE_DOES_NOT_EXIST = 1060;
const ERROR_SERVICE_NOT_ACTIVE = 1062;
const STATES: readonly ServiceState[] = ['stopped', 'starting', 'stopping', 'running'];

export const runCommand: RunCommand = (file, args) =>
  new Promise((resolve) => {
    const options = { windowsHide: true, windowsVerbatimArguments: false };
    execFile(file, [...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
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

export function createServiceManager(run: RunCommand = runCommand): ServiceManager {
  const sc = (...args: string[]): Promise<CommandResult> => run('sc.exe', args);
  return {
    async install({ name = DEFAULT_SERVICE_NAME, displayName = 'Signalbox', command, dependencies = [] }) {
      const depend = ['hns', ...dependencies].join('/');
      const settings = ['type=', 'own', 'start=', 'auto', 'DisplayName=', displayName, 'depend=', depend];
      const created = await sc('create', name, 'binPath=', commandLine(command), ...settings);
      if (created.status !== 0) return failed('sc.exe create', name, created);
      // Three restarts with growing pauses (milliseconds), counted anew after an hour (seconds).
      const actions = 'restart/5000/restart/10000/restart/30000';
      const recovery = await sc('failure', name, 'reset=', '3600', 'actions=', actions);
      return recovery.status === 0 ? { value: 'installed' } : failed('sc.exe failure', name, recovery);
    },
    async uninstall(name = DEFAULT_SERVICE_NAME) {
      const stopped = await sc('stop', name);
      if (stopped.status === ERROR_SERVICE_DOES_NOT_EXIST) return { value: 'not-installed' };
      const wasRunning = stopped.status !== ERROR_SERVICE_NOT_ACTIVE;
      if (wasRunning && stopped.status !== 0) return failed('sc.exe stop', name, stopped);
      const deleted = await sc('delete', name);
      return deleted.status === 0 ? { value: 'uninstalled' } : failed('sc.exe delete', name, deleted);
    },
    async status(name = DEFAULT_SERVICE_NAME) {
      const queried = await sc('query', name);
      if (queried.status === ERROR_SERVICE_DOES_NOT_EXIST) return { value: 'not-installed' };
      if (queried.status !== 0) return failed('sc.exe query', name, queried);
      const state = STATES[Number(/STATE\s*:\s*(\d)/.exec(queried.output)?.[1] ?? 0) - 1];
      if (state !== undefined) return { value: state };
      const error = backendError('protocol', 'sc.exe query', queried.output, { kernel: 'unchanged' });
      return { error };
    },
  };
}

function failed(operation: string, name: string, result: CommandResult): { readonly error: BackendError } {
  const code = result.status === 127 ? 'unavailable' : result.status === 5 ? 'not-permitted' : 'rejected';
  const message = `service ${name}: exit status ${result.status}`;
  const more = { kernel: 'unchanged', detail: result.output } as const;
  return { error: backendError(code, operation, message, more) };
}
