import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { Buffer } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';

export interface ToolFeed {
  /** In pieces of any size; passed on as fast as the child takes it. */
  readonly input?: Iterable<string>;
  /** Milliseconds; the child is killed beyond it. */
  readonly timeLimit: number;
  /** Takes the output line by line; then it is not part of the answer. */
  readonly onLine?: (line: string) => void;
  /** Told the process id of the child before it gets its input. */
  readonly onStart?: (pid: number) => void;
  readonly onEnd?: (pid: number) => void;
}

export interface ToolRun extends ToolFeed {
  readonly command: readonly string[];
}

export type ToolEnd =
  | { readonly kind: 'exit'; readonly status: number; readonly stdout: string; readonly stderr: string }
  /** Could not be started: not installed, no permission to run it. */
  | { readonly kind: 'not-started'; readonly reason: string; readonly missing: boolean }
  | { readonly kind: 'timeout'; readonly stderr: string }
  | { readonly kind: 'killed'; readonly signal: string; readonly stderr: string };

/** A program that has not got its input yet. */
export interface StartedTool {
  readonly child: ChildProcessWithoutNullStreams;
  /** Why it could not be started, once that is known. */
  error: NodeJS.ErrnoException | null;
}

export function startTool([file = '', ...args]: readonly string[]): StartedTool {
  // In a group of its own: what a wrapper script has started ends with it.
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: childEnvironment(),
    detached: true,
  });
  const tool: StartedTool = { child, error: null };
  child.once('error', (error: NodeJS.ErrnoException) => {
    tool.error = error;
  });
  // A child that gives up early closes its end of the pipe (EPIPE); its exit status tells the story.
  child.stdin.on('error', () => {});
  return tool;
}

/** Runs a program to its end. Never rejects. */
export function runTool({ command, ...feed }: ToolRun): Promise<ToolEnd> {
  return feedTool(startTool(command), feed);
}

export function feedTool({ child, error: early }: StartedTool, run: ToolFeed): Promise<ToolEnd> {
  if (early !== null) return Promise.resolve(notStarted(early));
  return new Promise((resolve) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString('utf8');
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
      // Whoever has left the group may still hold the pipes.
      setTimeout(() => child.stdio.forEach((stream) => stream?.destroy()), GRACE).unref();
    }, run.timeLimit);
    if (run.onLine === undefined) child.stdout.on('data', (part: Buffer) => out.push(part));
    else eachLine(child.stdout, run.onLine);
    child.stderr.on('data', (part: Buffer) => err.push(part));
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve(notStarted(error));
    });
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      if (child.pid !== undefined) run.onEnd?.(child.pid);
      if (timedOut) resolve({ kind: 'timeout', stderr: text(err) });
      else if (status === null) resolve({ kind: 'killed', signal: signal ?? 'unknown', stderr: text(err) });
      else resolve({ kind: 'exit', status, stdout: text(out), stderr: text(err) });
    });
    if (child.pid !== undefined) run.onStart?.(child.pid);
    send(child.stdin, run.input ?? []);
  });
}

/** Milliseconds from the end of a group to that of its pipes. */
const GRACE = 1_000;

function killGroup({ pid }: ChildProcessWithoutNullStreams): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Bytes at a time: what a pipe holds. */
const PIECE = 65_536;

function send(stdin: Writable, input: Iterable<string>): void {
  const pieces = inPieces(input)[Symbol.iterator]();
  // A child that ends early never takes the rest: nobody waits for that.
  const more = (): void => {
    for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
      if (!stdin.write(next.value)) {
        stdin.once('drain', more);
        return;
      }
    }
    stdin.end();
  };
  more();
}

function* inPieces(input: Iterable<string>): Generator<string> {
  let piece = '';
  for (const part of input) {
    piece += part;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function notStarted(error: NodeJS.ErrnoException): ToolEnd {
  return { kind: 'not-started', reason: error.message, missing: error.code === 'ENOENT' };
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
