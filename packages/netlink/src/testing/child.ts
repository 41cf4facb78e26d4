import { spawn } from 'node:child_process';

/** How a process ended. */
export interface ChildEnd {
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: string;
}

const TIMEOUT_MS = 30_000;

/**
 * Runs a module given as text in a Node of its own: some things are only seen from outside the process.
 * `prefix`: a command that runs what follows it.
 */
export function runModule(source: string, prefix: readonly string[] = []): Promise<ChildEnd> {
  const [command, ...parameters] = [
    ...prefix,
    process.execPath,
    '--conditions=signalbox-source',
    '--input-type=module-typescript',
    '-e',
    source,
  ];
  const child = spawn(command, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    cwd: import.meta.dirname,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      resolve({ status, signal, output: Buffer.concat(chunks).toString() });
    });
  });
}
