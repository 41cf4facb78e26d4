/** Starts child processes in a way that neither throws, leaks descriptors, nor leaves a child behind. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock } from '@signalbox/core';
import { backgroundClock } from '@signalbox/core/system-clock';

export interface ChildOptions {
  readonly stdio: StdioOptions;
}

/** A child in its own process group, so that processes started by a wrapper script end with it; or the error. */
export function spawnChild(
  [file = '', ...args]: readonly string[],
  { stdio }: ChildOptions,
): ChildProcess | NodeJS.ErrnoException {
  const shortage = descriptorShortage();
  if (shortage !== null) return shortage;
  try {
    const child = spawn(file, args, { stdio, env: childEnvironment(), detached: true });
    if (child.pid !== undefined) guard(child, child.pid);
    return child;
  } catch (error) {
    // ENOMEM and the like: Node.js closes the pipes first.
    return error as NodeJS.ErrnoException;
  }
}

/** Three pairs of pipe ends, the pair by which the child reports that it could not start, and two spare ones. */
const DESCRIPTORS = 10;

/**
 * If `spawn` itself gets EMFILE, Node.js 20 to 24 return a child without streams and leak the three pipe ends that were open
 * by then. Therefore descriptors are requested first.
 */
function descriptorShortage(): NodeJS.ErrnoException | null {
  const open: number[] = [];
  try {
    while (open.length < DESCRIPTORS) open.push(openSync('/dev/null', 'r'));
    return null;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Without /dev/null no descriptor can be opened for the check.
    return code === 'EMFILE' || code === 'ENFILE' ? (error as NodeJS.ErrnoException) : null;
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}

const living = new Set<number>();

/** A child in its own group outlives this process, and one that hangs never exits. */
function guard(child: ChildProcess, pid: number): void {
  if (living.size === 0) process.on('exit', endChildren);
  living.add(pid);
  child.once('exit', () => {
    living.delete(pid);
    if (living.size === 0) process.off('exit', endChildren);
  });
}

/** Immediately: each write of the tools is a transaction. */
export function endChildren(): void {
  for (const pid of living) signalGroup(pid, 'SIGKILL');
}

export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has exited by itself.
  }
}

/** Milliseconds from SIGTERM to SIGKILL, and from SIGKILL to the end of the pipes. */
export const GRACE_MS = 1_000;

/** Sends SIGTERM to the group, and SIGKILL if it does not exit. */
export function endGroup(pid: number, clock: Clock = backgroundClock): void {
  signalGroup(pid, 'SIGTERM');
  clock.schedule(GRACE_MS, () => {
    if (living.has(pid)) signalGroup(pid, 'SIGKILL');
  });
}

/** The tools' messages are parsed: no translations. */
function childEnvironment(): NodeJS.ProcessEnv {
  // oxlint-disable-next-line node/no-process-env -- a child needs the PATH of this process
  return { ...process.env, LC_ALL: 'C' };
}
