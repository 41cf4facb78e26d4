// Child processes: shown as they run, or captured.
import { setMaxListeners } from 'node:events';
import { x } from 'tinyexec';

const ending = new AbortController();
const interrupt = new AbortController();
// Each child has a listener, and some programs start many.
setMaxListeners(0, interrupt.signal);

/** Starts no more children: a suite that runs one after the other ends with the one that runs now. */
export function startNoMore() {
  ending.abort();
}

/** Ends the children with SIGTERM and starts no more: those who wait for them then clean up. */
export function interruptChildren() {
  startNoMore();
  interrupt.abort();
}

/**
 * For programs that only wait for children. A Ctrl-C and the end of the terminal reach the children by themselves.
 * @returns {AbortSignal}
 */
export function handleSignals() {
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, startNoMore);
  process.on('SIGTERM', interruptChildren);
  return ending.signal;
}

const interrupted = (command) => ({ status: 128, stdout: '', output: `${command}: interrupted\n` });

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{env?: object, cwd?: string, shell?: boolean, capture?: boolean, timeoutSeconds?: number}} [options]
 * @returns {Promise<{status: number, stdout: string, output: string}>} status 127 if it cannot be started, 128 after a signal
 */
export async function run(command, args, options = {}) {
  const { env = process.env, cwd, shell = false, capture = false, timeoutSeconds = 900 } = options;
  if (ending.signal.aborted) return interrupted(command);
  const stdio = capture ? ['ignore', 'pipe', 'pipe'] : 'inherit';
  const child = x(command, [...args], {
    nodePath: false, // a suite finds the commands that it declares, and no others
    timeout: timeoutSeconds * 1000,
    signal: interrupt.signal,
    nodeOptions: { env, cwd, shell, stdio },
  });
  try {
    const { stdout, stderr, exitCode } = await child;
    const ended = exitCode === undefined ? `${command} was ended by ${child.signalCode}\n` : '';
    return { status: exitCode ?? 128, stdout, output: stdout + stderr + ended };
  } catch (error) {
    const timedOut = error.name === 'AbortError';
    const reason = timedOut ? `${command} took longer than ${timeoutSeconds} s` : error.message;
    return { status: timedOut ? 128 : 127, stdout: '', output: `${reason}\n` };
  }
}

/** Shows the output line by line; returns the exit status and the last line. */
export async function runShown(command, args, { env, timeoutSeconds }) {
  if (ending.signal.aborted) return { status: 128, lastLine: interrupted(command).output.trim() };
  const child = x(command, [...args], {
    nodePath: false,
    timeout: timeoutSeconds * 1000,
    signal: interrupt.signal,
    nodeOptions: { env, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  let lastLine = '';
  try {
    for await (const line of child) {
      process.stdout.write(`${line}\n`);
      if (line.trim() !== '') lastLine = line;
    }
    return { status: child.exitCode ?? 128, lastLine };
  } catch (error) {
    return { status: 127, lastLine: error.message };
  }
}

/** Runs silently; prints the output only when it failed. */
export async function runQuietly(command, args, options = {}) {
  const result = await run(command, args, { ...options, capture: true });
  if (result.status !== 0) process.stdout.write(result.output);
  return result;
}

/** The standard output of a command that ends with 0; any other status throws an error with all of its output. */
export async function mustRun(command, args, options = {}) {
  const { status, stdout, output } = await run(command, args, { ...options, capture: true });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\nexit ${status}\n${output}`);
  return stdout;
}
