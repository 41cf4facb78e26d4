import { createServer } from 'node:net';
import type { BackendError } from '@signalbox/core';
import { socketError } from '../driver/socket-error.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';

/**
 * Whether a TCP port can be opened; `null`: it can. Sockets with SO_REUSEPORT also open a port that another process of this user has
 * open with that option: the connections of the frontend would be spread over both.
 */
export function probePort(listener: Listener): Promise<BackendError | null> {
  const { protocol, address: host, port } = listener;
  if (protocol === 'UDP') return Promise.resolve(null);
  const server = createServer((client) => client.resetAndDestroy());
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(socketError(listenerKey(listener), error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
