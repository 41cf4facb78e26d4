/**
 * How many files connections may have open. At the limit of the process libuv closes connections as it accepts them, and the rest of
 * the program can open none either: so connections are refused before that, and counted.
 */
import { readFileSync } from 'node:fs';

export interface OpenFiles {
  /** `false`: beyond the limit, so nothing is taken. */
  take(count: number): boolean;
  /** Of sockets that listen: not refused. */
  hold(count: number): void;
  release(count: number): void;
}

/** One to the client, one to the endpoint. */
export const FILES_PER_CONNECTION = 2;

export function createOpenFiles(limit: number): OpenFiles {
  const state = { used: 0 };
  return {
    take(count) {
      if (state.used + count > limit) return false;
      state.used += count;
      return true;
    },
    hold: (count) => void (state.used += count),
    release: (count) => void (state.used -= count),
  };
}

/** Node.js raises the soft limit to the hard one when it starts. Infinite where there is no /proc. */
function fileLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** For what else the process opens: requests, tools, files. */
function forSockets(limit: number): number {
  return limit - Math.min(1024, Math.max(128, Math.floor(limit / 16)));
}

/** How many connections of clients the process can have open at a time, and the limit of open files that bounds them. */
export function connectionCapacity(): { readonly connections: number; readonly openFiles: number } {
  const openFiles = fileLimit();
  return { openFiles, connections: Math.max(0, Math.floor(forSockets(openFiles) / FILES_PER_CONNECTION)) };
}

const shared: { files: OpenFiles | null } = { files: null };

/** The limit is of the process: the drivers of both families share it. */
export function processFiles(): OpenFiles {
  shared.files ??= createOpenFiles(forSockets(fileLimit()));
  return shared.files;
}
