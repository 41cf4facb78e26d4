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

/** `used`: numbers of the threads that share the limit, of which each changes its own. */
export function createOpenFiles(limit: number, used: Int32Array = new Int32Array(1), own = 0): OpenFiles {
  const add = (count: number): void => void Atomics.add(used, own, count);
  return {
    take(count) {
      add(count);
      let sum = 0;
      for (let at = 0; at < used.length; at++) sum += Atomics.load(used, at);
      if (sum <= limit) return true;
      add(-count);
      return false;
    },
    hold: add,
    release: (count) => add(-count),
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

/** Two families with 32 workers each, and this thread. */
const MAX_THREADS = 65;
const MAIN_THREAD = 0;

/** The files of all threads, which are limited together. */
export interface FilePool {
  readonly limit: number;
  readonly used: Int32Array<SharedArrayBuffer>;
  /** Numbers of threads that have ended, or not yet started. */
  readonly free: number[];
}

/** Of one thread. */
export interface FileSeat extends Pick<FilePool, 'limit' | 'used'> {
  readonly own: number;
}

export function createFilePool(limit: number): FilePool {
  const used = new Int32Array(new SharedArrayBuffer(MAX_THREADS * Int32Array.BYTES_PER_ELEMENT));
  return { limit, used, free: Array.from({ length: MAX_THREADS - 1 }, (_, at) => MAX_THREADS - 1 - at) };
}

const shared: { pool: FilePool | null } = { pool: null };

/** The limit applies to the process: the drivers of both families share it. */
export function processFiles(): FilePool {
  shared.pool ??= createFilePool(forSockets(fileLimit()));
  return shared.pool;
}

/** Of the thread that has the pool. */
export function mainFiles({ limit, used }: FilePool): OpenFiles {
  return createOpenFiles(limit, used, MAIN_THREAD);
}
