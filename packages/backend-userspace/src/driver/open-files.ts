/**
 * Limits the file descriptors of connections. At the limit of the process libuv closes connections as it accepts them, and the
 * rest of the program cannot open files: connections are therefore reset and counted below that limit.
 */
import { readFileSync } from 'node:fs';

export interface OpenFiles {
  /** `false`: above the limit; nothing is taken. */
  take(count: number): boolean;
  /** For listening sockets, which may exceed the limit. */
  hold(count: number): void;
  release(count: number): void;
}

/** One socket to the client, one to the endpoint. */
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

/** Node.js raises the soft limit to the hard one when it starts. Infinite without /proc. */
function fileLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Reserves descriptors for API requests, tools and files of the process. */
function forSockets(limit: number): number {
  return limit - Math.min(1024, Math.max(128, Math.floor(limit / 16)));
}

/** The number of client connections that the process can have open at a time, and the limit of open files that determines it. */
export function connectionCapacity(): { readonly connections: number; readonly openFiles: number } {
  const openFiles = fileLimit();
  return { openFiles, connections: Math.max(0, Math.floor(forSockets(openFiles) / FILES_PER_CONNECTION)) };
}

const shared: { files: OpenFiles | null } = { files: null };

/** The limit applies to the process: the drivers of both families share it. */
export function processFiles(): OpenFiles {
  shared.files ??= createOpenFiles(forSockets(fileLimit()));
  return shared.files;
}
