/** A listening socket that can die and come back on the same port. */
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
  /** Clients whose certificate this authority signed are known by name. */
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

export function createListener(handle: RequestListener, tls: ServerCertificate | null): Listener {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let port = 0;
  const breakConnections = (): void => sockets.forEach((socket) => void socket.destroy());
  return {
    get port() {
      return port;
    },
    get connections() {
      return sockets.size;
    },
    async start() {
      const next = makeServer(handle, tls);
      next.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
        socket.on('error', () => undefined);
      });
      await new Promise<void>((resolve, reject) => {
        next.once('error', reject);
        next.listen(port, '127.0.0.1', resolve);
      });
      port = (next.address() as AddressInfo).port;
      server = next;
    },
    async stop() {
      const last = server;
      server = null;
      if (last === null) return;
      const closed = new Promise<void>((resolve) => {
        last.close(() => resolve());
      });
      breakConnections();
      await closed;
    },
    breakConnections,
  };
}

function makeServer(handle: RequestListener, tls: ServerCertificate | null): Server {
  // A test's idle connections must not be closed behind its back.
  const common = { keepAliveTimeout: 0 };
  if (tls === null) return createHttpServer(common, handle);
  const ca =
    tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false };
  return createHttpsServer({ ...common, cert: tls.certificate, key: tls.key, ...ca }, handle);
}
