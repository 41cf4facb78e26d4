/** A listening socket that can be closed and opened again on the same port. */
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Certificate and key of a server, PEM. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
  /** Clients whose certificate this authority signed are identified by name. */
  readonly clientCa?: string;
}

export interface Listener {
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  start(): Promise<void>;
  /** Breaks every connection. */
  readonly stop: () => Promise<void>;
  readonly breakConnections: () => void;
}

/** Serves an HTTP upgrade on its socket; arguments are those of the `upgrade` event of an http.Server. */
export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface ListenerParts {
  readonly handle: RequestListener;
  readonly upgrade: OnUpgrade;
  readonly tls: ServerCertificate | null;
  /** Called after each lost connection. */
  readonly onClose: () => void;
}

export function createListener({ handle, upgrade, tls, onClose }: ListenerParts): Listener {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let port = 0;
  const breakConnections = (): void => sockets.forEach((socket) => void socket.destroy());
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      onClose();
    });
  };
  return {
    get port() {
      return port;
    },
    get connections() {
      return sockets.size;
    },
    async start() {
      server = makeServer(handle, tls).on('connection', track).on('upgrade', upgrade);
      port = await listen(server, port);
    },
    async stop() {
      const closing = server;
      server = null;
      if (closing === null) return;
      const closed = once(closing, 'close');
      closing.close();
      breakConnections();
      await closed;
    },
    breakConnections,
  };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function makeServer(handle: RequestListener, tls: ServerCertificate | null): Server {
  // Idle connections of a test must not be closed by the server.
  const common = { keepAliveTimeout: 0 };
  if (tls === null) return createHttpServer(common, handle);
  const ca =
    tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false };
  return createHttpsServer({ ...common, cert: tls.certificate, key: tls.key, ...ca }, handle);
}
