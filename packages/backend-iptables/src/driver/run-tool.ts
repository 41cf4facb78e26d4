import { spawn } from 'node:child_process';
import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';

export interface ToolRun {
  readonly command: readonly string[];
  readonly input?: string;
  /** Milliseconds; the child is killed beyond it. */
  readonly timeLimit: number;
  /** Told the process id of the child as soon as it runs. */
  /** Takes the output line by line; then it is not part of the answer. */
  readonly onLine?: (line: string) => void;
  readonly onStart?: (pid: number) => void;
  readonly onEnd?: (pid: number) => void;
}

export type ToolEnd =
  | { readonly kind: 'exit'; readonly status: number; readonly stdout: string; readonly stderr: string }
  /** Could not be started: not installed, no permission to run it. */
  | { readonly kind: 'not-started'; readonly reason: string; readonly missing: boolean }
  | { readonly kind: 'timeout'; readonly stderr: string }
  | { readonly kind: 'killed'; readonly signal: string; readonly stderr: string };

/** Runs a program to its end. Never rejects. */
export function runTool(run: ToolRun): Promise<ToolEnd> {
  const [file = '', ...args] = run.command;
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: childEnvironment() });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString('utf8');
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, run.timeLimit);
    if (run.onLine === undefined) child.stdout.on('data', (part: Buffer) => out.push(part));
    else eachLine(child.stdout, run.onLine);
    child.stderr.on('data', (part: Buffer) => err.push(part));
    // A child that gives up early closes its end of the pipe (EPIPE); its exit status tells the story.
    child.stdin.on('error', () => {});
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ kind: 'not-started', reason: error.message, missing: error.code === 'ENOENT' });
    });
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      if (child.pid !== undefined) run.onEnd?.(child.pid);
      if (timedOut) resolve({ kind: 'timeout', stderr: text(err) });
      else if (status === null) resolve({ kind: 'killed', signal: signal ?? 'unknown', stderr: text(err) });
      else resolve({ kind: 'exit', status, stdout: text(out), stderr: text(err) });
    });
    if (child.pid !== undefined) run.onStart?.(child.pid);
    child.stdin.end(run.input === undefined ? undefined : Buffer.from(run.input));
  });
}

/** The tools' messages are parsed: no translations. */
function childEnvironment(): NodeJS.ProcessEnv {
  // oxlint-disable-next-line node/no-process-env -- a child needs the PATH that we were started with
  return { ...process.env, LC_ALL: 'C' };
}

function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (part: string) => {
    const lines = `${rest}${part}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.once('end', () => {
    if (rest !== '') onLine(rest);
  });
}
