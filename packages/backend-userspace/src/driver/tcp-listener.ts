import { createServer, type Server, type Socket } from 'node:net';
import { fail, succeed, type Result } from '@signalbox/core';
import { dispatch } from '../compile/service-dispatch.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import { ATTEMPTS, connectEndpoint } from './connect-endpoint.ts';
import { sourceText, type DataPath } from './data-path.ts';
import type { OpenListener } from './open-listener.ts';
import { socketError } from './socket-error.ts';
import { splice } from './splice.ts';

/** Of connections that the kernel has accepted and this process has not; bounded by net.core.somaxconn. */
const BACKLOG = 4096;

export function openTcpListener(listener: Listener, path: DataPath): Promise<Result<OpenListener>> {
  const current = { listener };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
    serve(client, current.listener, path),
  );
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(fail(socketError(listenerKey(listener), error))));
    server.listen({ host: listener.address, port: listener.port, backlog: BACKLOG, exclusive: true }, () =>
      resolve(succeed(opened(server, current))),
    );
  });
}

function opened(server: Server, current: { listener: Listener }): OpenListener {
  // Too many open files: the kernel keeps the connections until there are fewer.
  server.on('error', () => {});
  return {
    get listener() {
      return current.listener;
    },
    update(listener) {
      current.listener = listener;
    },
    close: () => void server.close(),
  };
}

function serve(client: Socket, listener: Listener, path: DataPath): void {
  const { counts } = path;
  client.on('error', () => {});
  const source = sourceText(client.remoteAddress ?? '');
  const endpoints = dispatch(listener, { source, isHostAddress: path.isHostAddress });
  if (endpoints === null) {
    counts.refused++;
    client.resetAndDestroy();
    return;
  }
  path.track(client);
  counts.open++;
  client.once('close', () => counts.open--);
  const { affinity, key } = listener.servicePort;
  const balancer = path.balancer(key);
  const request = { endpoints, affinity, client: source, now: path.clock.now() };
  const cancel = connectEndpoint(balancer.candidates(request, ATTEMPTS), path.clock, {
    onConnect(upstream, endpoint) {
      counts.forwarded++;
      balancer.connected(request, endpoint);
      path.countConnection(key, endpoint);
      path.track(upstream);
      splice(client, upstream, path.tcpIdleTimeout);
    },
    onFailedAttempt: () => counts.failedAttempts++,
    onGiveUp() {
      counts.unserved++;
      client.resetAndDestroy();
    },
  });
  client.once('close', cancel);
}
