/** HTTP servers whose connections are bounded in number and in time: anyone who reaches the node may open some. */
import { createServer, type Server } from 'node:http';
import { readTrimmed, systemFiles } from '../node/sysctl.ts';
import {
  connectionLimit,
  createConnectionBudget,
  maxOpenFiles,
  type ConnectionBudget,
} from './connection-budget.ts';
import type { Handler } from './respond.ts';
import type { Logger } from '../logging/logger.ts';

/** Milliseconds. */
export interface TimeLimits {
  /** From the connection, or the answer before, to the end of a request's headers. */
  readonly headers: number;
  /** To the end of its body. */
  readonly request: number;
  /** Without a byte in either direction: a client that does not read its answer. */
  readonly idle: number;
  /** Between an answer and the next request. */
  readonly keepAlive: number;
  /** How often the first two are looked at. */
  readonly checkEvery: number;
}

export const TIME_LIMITS: TimeLimits = {
  headers: 5000,
  request: 10_000,
  idle: 15_000,
  keepAlive: 5000,
  checkEvery: 1000,
};

/** For all servers of a process. */
export function processBudget(): ConnectionBudget {
  return createConnectionBudget(connectionLimit(maxOpenFiles(readTrimmed(systemFiles, '/proc/self/limits'))));
}

export interface Bounds {
  readonly budget: ConnectionBudget;
  readonly times?: TimeLimits;
}

export function createBoundedServer(handler: Handler, bounds: Bounds): Server {
  const { budget, times = TIME_LIMITS } = bounds;
  const server = createServer(
    {
      headersTimeout: times.headers,
      requestTimeout: times.request,
      keepAliveTimeout: times.keepAlive,
      connectionsCheckingInterval: times.checkEvery,
    },
    (request, response) => {
      budget.used(request.socket);
      handler(request, response);
    },
  );
  server.timeout = times.idle;
  server.on('connection', (socket) => budget.opened(socket));
  return server;
}

/**
 * Errors of the server and its address. Node.js reports under the same name one connection that could not be accepted
 * (EMFILE): that connection is lost, and the server goes on.
 */
export function onServerError(
  server: Server,
  logger: Logger,
  onError: (error: NodeJS.ErrnoException) => void,
): void {
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall === 'accept') logger.debug(2, 'Connection not accepted', { err: error.message });
    else onError(error);
  });
}
