import { createServer, type Server, type Socket } from 'node:net';
import { fail, succeed, type DesiredEndpoint, type Result } from '@signalbox/core';
import { dispatch } from '../compile/service-dispatch.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import { ATTEMPTS, connectEndpoint } from './connect-endpoint.ts';
import { sourceText, type DataPath } from './data-path.ts';
import { FILES_PER_CONNECTION } from './open-files.ts';
import { observeTcp, type TcpObserver } from './observe-tcp.ts';
import type { OpenListener } from './open-listener.ts';
import { socketError } from './socket-error.ts';
import { splice } from './splice.ts';

/** Connections that the kernel has established and this process has not yet accepted; limited by net.core.somaxconn. */
const BACKLOG = 4096;

export function openTcpListener(listener: Listener, path: DataPath): Promise<Result<OpenListener>> {
  const current = { listener };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
    serve(client, current.listener, path),
  );
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(fail(socketError(listenerKey(listener), error))));
    server.listen({ host: listener.address, port: listener.port, backlog: BACKLOG, exclusive: true }, () =>
      resolve(succeed(opened(server, current, path))),
    );
  });
}

function opened(server: Server, current: { listener: Listener }, { files }: DataPath): OpenListener {
  // A connection could not be accepted; the listener continues.
  server.on('error', () => {});
  files.hold(1);
  return {
    get listener() {
      return current.listener;
    },
    update(listener) {
      current.listener = listener;
    },
    close() {
      server.close();
      files.release(1);
    },
  };
}

function serve(client: Socket, listener: Listener, path: DataPath): void {
  const { counts } = path;
  client.on('error', () => {});
  // The client reset the connection before it was accepted.
  if (client.remoteAddress === undefined) return void client.destroy();
  const observer = observeTcp(client, listener, path);
  const source = sourceText(client.remoteAddress);
  const endpoints = dispatch(listener, { source, isHostAddress: path.isHostAddress });
  if (endpoints === null) {
    counts.refused++;
    observer?.ends('not-allowed');
    client.resetAndDestroy();
    return;
  }
  if (!path.files.take(FILES_PER_CONNECTION)) {
    counts.overflow++;
    observer?.ends('open-files');
    client.resetAndDestroy();
    return;
  }
  admit(client, path);
  forward({ client, source, endpoints, observer }, listener, path);
}

/** The caller has taken the files of the connection. */
function admit(client: Socket, path: DataPath): void {
  path.track(client);
  path.stalledClients.watch(client);
  path.counts.open++;
  client.once('close', () => {
    path.counts.open--;
    path.files.release(FILES_PER_CONNECTION);
  });
}

interface Admitted {
  readonly client: Socket;
  readonly source: string;
  readonly endpoints: readonly DesiredEndpoint[];
  readonly observer: TcpObserver | null;
}

function forward(admitted: Admitted, listener: Listener, path: DataPath): void {
  const { client, source, endpoints, observer } = admitted;
  const { counts } = path;
  const { affinity, key } = listener.servicePort;
  const balancer = path.balancer(key);
  const request = { endpoints, affinity, client: source, now: path.clock.now() };
  const cancel = connectEndpoint(balancer.candidates(request, ATTEMPTS), path.clock, {
    onConnect(upstream, endpoint) {
      counts.forwarded++;
      balancer.connected(request, endpoint);
      path.countConnection(key, endpoint);
      path.track(upstream);
      observer?.connected(upstream, endpoint);
      splice(client, upstream, path.tcpIdleTimeout);
    },
    onFailedAttempt(endpoint, outcome) {
      counts.failedAttempts++;
      observer?.attempted(endpoint, outcome);
    },
    onGiveUp() {
      counts.unserved++;
      observer?.ends('no-endpoint-answered');
      client.resetAndDestroy();
    },
  });
  client.once('close', cancel);
}
