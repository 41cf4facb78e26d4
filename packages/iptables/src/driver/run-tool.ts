import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { Buffer } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '@signalbox/core';
import { GRACE_MS, signalGroup, spawnChild } from './spawn-child.ts';

export interface ToolFeed {
  /** In pieces of any size; passed on as fast as the child reads it. */
  readonly input?: Iterable<string>;
  readonly clock: Clock;
  /** Milliseconds; a child that runs longer is killed. */
  readonly timeLimit: number;
  /** Called once if the child still runs after `slowAfter` milliseconds. */
  readonly onSlow?: () => void;
  readonly slowAfter?: number;
  /** Process ids of running children: for `endGroup`. */
  readonly running?: Set<number>;
  /** Called with the output line by line; then it is not part of the result. */
  readonly onLine?: (line: string) => void;
}

export interface ToolRun extends ToolFeed {
  readonly command: readonly string[];
}

export type ToolEnd =
  | { readonly kind: 'exit'; readonly status: number; readonly stdout: string; readonly stderr: string }
  /** Not installed; out of descriptors, memory or processes; or anything else, such as no permission to run it. */
  | {
      readonly kind: 'not-started';
      readonly reason: string;
      readonly cause: 'missing' | 'shortage' | 'other';
    }
  | { readonly kind: 'timeout'; readonly stderr: string }
  | { readonly kind: 'killed'; readonly signal: string; readonly stderr: string };

/** A program that has not received its input yet. */
export interface StartedTool {
  /** `null`: `error` has the reason. */
  readonly child: ChildProcessWithoutNullStreams | null;
  /** Why it could not be started, once that is known. */
  error: NodeJS.ErrnoException | null;
}

export function startTool(command: readonly string[]): StartedTool {
  const child = spawnChild(command, { stdio: ['pipe', 'pipe', 'pipe'] }) as
    ChildProcessWithoutNullStreams | NodeJS.ErrnoException;
  if (child instanceof Error) return { child: null, error: child };
  const tool: StartedTool = { child, error: null };
  child.once('error', (error: NodeJS.ErrnoException) => {
    tool.error = error;
  });
  // A child that exits early closes its end of the pipe (EPIPE); its exit status has the reason.
  child.stdin.on('error', () => {});
  return tool;
}

/** Runs a program to its end. Never rejects. */
export function runTool({ command, ...feed }: ToolRun): Promise<ToolEnd> {
  return feedTool(startTool(command), feed);
}

export function feedTool({ child, error: early }: StartedTool, run: ToolFeed): Promise<ToolEnd> {
  if (early !== null || child === null) return Promise.resolve(notStarted(early));
  return new Promise((resolve) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString('utf8');
    const limits = limitTime(child, run);
    if (run.onLine === undefined) child.stdout.on('data', (part: Buffer) => out.push(part));
    else eachLine(child.stdout, run.onLine);
    child.stderr.on('data', (part: Buffer) => err.push(part));
    child.once('error', (error: NodeJS.ErrnoException) => {
      limits.lift();
      resolve(notStarted(error));
    });
    if (child.pid !== undefined) run.running?.add(child.pid);
    child.once('close', (status, signal) => {
      limits.lift();
      if (child.pid !== undefined) run.running?.delete(child.pid);
      if (limits.exceeded()) resolve({ kind: 'timeout', stderr: text(err) });
      else if (status === null) resolve({ kind: 'killed', signal: signal ?? 'unknown', stderr: text(err) });
      else resolve({ kind: 'exit', status, stdout: text(out), stderr: text(err) });
    });
    send(child.stdin, run.input ?? []);
  });
}

interface TimeLimits {
  readonly exceeded: () => boolean;
  readonly lift: () => void;
}

function limitTime(child: ChildProcessWithoutNullStreams, run: ToolFeed): TimeLimits {
  let isOver = false;
  const { clock, onSlow, slowAfter } = run;
  const end = (): void => {
    isOver = true;
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    // A process that has left the group may still hold the pipes.
    cancels.push(clock.schedule(GRACE_MS, () => child.stdio.forEach((stream) => stream?.destroy())));
  };
  const cancels = [clock.schedule(run.timeLimit, end)];
  if (onSlow !== undefined && slowAfter !== undefined) cancels.push(clock.schedule(slowAfter, onSlow));
  return {
    exceeded: () => isOver,
    lift: () => cancels.forEach((cancel) => cancel()),
  };
}

/** Bytes at a time: the capacity of a pipe. */
const PIECE = 65_536;

function send(stdin: Writable, input: Iterable<string>): void {
  const pieces = inPieces(input)[Symbol.iterator]();
  // A child that exits early never reads the rest, and nothing waits for that.
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

const SHORTAGES: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];

function notStarted(error: NodeJS.ErrnoException | null): ToolEnd {
  const { code = '', message = 'no child process' } = error ?? {};
  const cause = code === 'ENOENT' ? 'missing' : 'other';
  const isShortage = SHORTAGES.includes(code);
  return { kind: 'not-started', reason: message, cause: isShortage ? 'shortage' : cause };
}

/**
 * One piece of output (64 kB at most) in a turn of the event loop: reading all pending output of a tool at once would delay
 * other work by a hundred milliseconds.
 */
function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (part: string) => {
    const lines = `${rest}${part}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    stream.pause();
    setImmediate(() => stream.resume());
  });
  stream.once('end', () => {
    if (rest !== '') onLine(rest);
  });
}
