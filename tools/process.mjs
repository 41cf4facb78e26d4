// Child processes: shown as they run, or captured and shown only when they fail.
import { spawn } from 'node:child_process';

const children = new Set();
const ending = new AbortController();

/** Starts no more children: a suite that runs one after the other ends with the one that runs now. */
export function startNoMore() {
  ending.abort();
}

/** Passes a signal on: those who wait for the children then clean up after them. */
export function signalChildren(signal) {
  for (const child of children) child.kill(signal);
}

/** For `signalChildren`. */
export function trackChild(child) {
  children.add(child);
  child.once('close', () => children.delete(child));
  if (ending.signal.aborted) child.kill('SIGTERM');
  return child;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{env?: object, cwd?: string, shell?: boolean, capture?: boolean, timeoutSeconds?: number, input?: string}} [options]
 * @returns {Promise<{status: number, output: string}>} status 127 if it cannot be started, 128 + x after a signal
 */
export function run(command, args, options = {}) {
  const { env = process.env, cwd, shell = false, capture = false, timeoutSeconds = 900 } = options;
  if (ending.signal.aborted) return Promise.resolve({ status: 128, output: `${command}: interrupted\n` });
  const stdio = capture ? ['ignore', 'pipe', 'pipe'] : 'inherit';
  return new Promise((resolve) => {
    const child = trackChild(
      spawn(command, args, { env, cwd, shell, stdio, timeout: timeoutSeconds * 1000 }),
    );
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    const output = () => Buffer.concat(chunks).toString();
    child.on('error', (error) => resolve({ status: 127, output: `${output()}${error.message}\n` }));
    child.on('close', (code, signal) => {
      const ended = signal === null ? '' : `${command} was ended by ${signal}\n`;
      resolve({ status: code ?? 128, output: output() + ended });
    });
  });
}

/** Runs silently; prints what it said only when it failed. */
export async function runQuietly(command, args, options = {}) {
  const result = await run(command, args, { ...options, capture: true });
  if (result.status !== 0) process.stdout.write(result.output);
  return result;
}
