/**
 * Connections of clients, all servers of the process together. Each takes a file descriptor, and syncs need descriptors,
 * too: to run a tool, or to speak netlink.
 */
import type { Socket } from 'node:net';

export interface ConnectionBudget {
  /** A new connection; beyond the limit the one whose last request is longest ago is closed for it. */
  opened(socket: Socket): void;
  /** A request arrived on it. */
  used(socket: Socket): void;
  count(): number;
}

export function createConnectionBudget(limit: number): ConnectionBudget {
  // In the order of last use: a set keeps the order of insertion.
  const sockets = new Set<Socket>();
  return {
    opened: (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      const [oldest] = sockets;
      if (sockets.size <= limit || oldest === undefined) return;
      sockets.delete(oldest);
      oldest.destroy();
    },
    used: (socket) => {
      if (sockets.delete(socket)) sockets.add(socket);
    },
    count: () => sockets.size,
  };
}

const MOST = 256;
const FEWEST = 8;

/** A quarter of the descriptors that this process may have open, and never more than probes and scrapes need. */
export function connectionLimit(openFiles: number): number {
  return Math.max(FEWEST, Math.min(MOST, Math.floor(openFiles / 4)));
}

/** The limit of this process, out of `/proc/self/limits`; infinite where there is none. */
export function maxOpenFiles(limits: string | null): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? '')?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}
