import { spawn } from 'node:child_process';

/** How a process ended. */
export interface ChildEnd {
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/** Runs a module given as text in a Node of its own: some things are only seen from outside the process. */
export function runModule(source: string, timeoutMilliseconds = 30_000): Promise<ChildEnd> {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMilliseconds,
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
