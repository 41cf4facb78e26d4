/** An HTTP server that keeps trying to get its address. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { formatAddressPort, type Clock } from '@signalbox/core';
import type { Endpoint } from '../config/ip.ts';
import type { Logger } from '../logging/logger.ts';
import { createBoundedServer, onServerError, type Bounds } from './bounded-server.ts';

export interface ListenerOptions {
  /** For log lines: `healthz`. */
  readonly name: string;
  readonly address: Endpoint;
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bounds: Bounds;
  /** Called for each failed try; the next, where retries are enabled, follows after 5 s unless the listener is closed. */
  readonly onBindError: (error: Error) => 'try-again' | 'give-up';
}

export interface Listener {
  /** Where it listens; `null` while it does not. With port 0 asked for, the port that it got. */
  address(): Endpoint | null;
  close(): Promise<void>;
}

export const BIND_RETRY = 5000;

export function startListener(options: ListenerOptions): Listener {
  let server: Server | null = null;
  let closed = false;
  let cancel = (): void => undefined;
  let host = dualStackHost(options.address.host);
  const attempt = (): void => {
    const next = createBoundedServer(options.handler, options.bounds);
    onServerError(next, options.logger, (error) => {
      next.close();
      if (closed) return;
      server = null;
      // A node without IPv6: the address as it was given is all there is.
      if (host !== options.address.host && /^(EAFNOSUPPORT|EADDRNOTAVAIL)$/.test(error.code ?? '')) {
        host = options.address.host;
        attempt();
        return;
      }
      const goesOn = options.onBindError(error) === 'try-again';
      const retry = goesOn ? { retryAfter: '5s' } : {};
      options.logger.error(`Cannot serve ${options.name}`, { err: describe(error, options), ...retry });
      if (!goesOn) return;
      cancel = options.clock.schedule(BIND_RETRY, attempt);
    });
    // The address is looked up first: `close` may come before the socket exists.
    next.on('listening', () => void (closed && closeServer(next)));
    next.listen({ host, port: options.address.port, ipv6Only: false });
    server = next;
  };
  attempt();
  return {
    address: () => {
      const bound = server?.address();
      return typeof bound === 'object' && bound !== null ? { host: bound.address, port: bound.port } : null;
    },
    close: () => {
      closed = true;
      cancel();
      return closeServer(server);
    },
  };
}

/** Go, and so kube-proxy, takes `0.0.0.0` for every address of both families; probes over IPv6 rely on it. */
function dualStackHost(host: string): string {
  return host === '0.0.0.0' ? '::' : host;
}

export function closeServer(server: Server | null): Promise<void> {
  if (server === null || !server.listening) return Promise.resolve();
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return done;
}

function describe(error: NodeJS.ErrnoException, { name, address }: ListenerOptions): string {
  const where = formatAddressPort(address.host, address.port);
  if (error.code === 'EADDRINUSE') {
    return `${name}: ${where} is in use: another kube-proxy or signalbox may be running on this node`;
  }
  return `${name}: ${where}: ${error.message}`;
}
