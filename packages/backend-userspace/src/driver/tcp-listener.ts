import { createServer, type Server, type Socket } from 'node:net';
import { fail, succeed, type Result } from '@signalbox/core';
import type { Admission } from '../balance/circuit-breaker.ts';
import { proxyHeader } from '../compile/proxy-protocol.ts';
import { dispatch } from '../compile/service-dispatch.ts';
import type { ConnectionEnd } from '../objects/connection-record.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import { sourceText, type DataPath } from './data-path.ts';
import { forward } from './forward.ts';
import { FILES_PER_CONNECTION } from './open-files.ts';
import { observeTcp } from './observe-tcp.ts';
import type { OpenListener } from './open-listener.ts';
import { socketError } from './socket-error.ts';

/** Connections that the kernel has established and this process has not yet accepted; limited by net.core.somaxconn. */
const BACKLOG = 4096;

export function openTcpListener(listener: Listener, path: DataPath): Promise<Result<OpenListener>> {
  const current = { listener };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
    serve(client, current.listener, path),
  );
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(fail(socketError(listenerKey(listener), error))));
    const { address: host, port } = listener;
    // With `reusePort` the kernel spreads the connections over the sockets of all threads.
    const options = { host, port, backlog: BACKLOG, exclusive: true, reusePort: path.shared !== null };
    server.listen(options, () => resolve(succeed(opened(server, current, path))));
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
  client.on('error', () => {});
  // The client reset the connection before it was accepted.
  if (client.remoteAddress === undefined) return void client.destroy();
  const observer = observeTcp(client, listener, path);
  const source = sourceText(client.remoteAddress);
  const endpoints = dispatch(listener, { source, isHostAddress: path.isHostAddress });
  const refuse = (cause: ConnectionEnd): void => {
    observer?.ends(cause);
    client.resetAndDestroy();
  };
  if (endpoints === null) {
    path.counts.refused++;
    return refuse('not-allowed');
  }
  const { servicePort } = listener;
  const upstream = path.upstream(servicePort.key);
  const admission = upstream.admit(servicePort);
  if (admission === null) return refuse('limit');
  if (!path.files.take(FILES_PER_CONNECTION)) {
    admission.end();
    path.counts.overflow++;
    return refuse('open-files');
  }
  admit(client, admission, path);
  const choice = { policies: servicePort, endpoints, client: source };
  const header = headerOf(client, listener);
  forward({ client, choice, upstream, admission, observer, header }, path);
}

/** `null`: the Service does not request it. The frontend is as the client connected: where a service address is mapped, the mapped one. */
function headerOf({ remoteAddress = '', remotePort = 0 }: Socket, listener: Listener): Buffer | null {
  const { proxyProtocol } = listener.servicePort;
  if (proxyProtocol === undefined) return null;
  return proxyHeader(proxyProtocol, { address: sourceText(remoteAddress), port: remotePort }, listener);
}

/** The caller has taken the files of the connection. */
function admit(client: Socket, admission: Admission, path: DataPath): void {
  path.track(client);
  path.stalledClients.watch(client);
  path.counts.open++;
  client.once('close', () => {
    path.counts.open--;
    path.files.release(FILES_PER_CONNECTION);
    admission.end();
  });
}
