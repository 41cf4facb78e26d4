/** One socket for each client of a UDP frontend: an endpoint sees one source port for each client, and replies to it are sent to that client. */
import { createSocket, type Socket } from 'node:dgram';
import { fail, formatAddressPort, succeed, type DesiredEndpoint, type Result } from '@signalbox/core';
import type { Admission } from '../balance/circuit-breaker.ts';
import { endpointName } from '../balance/endpoint-name.ts';
import { dispatch } from '../compile/service-dispatch.ts';
import type { Peer } from '../objects/connection-record.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import { sourceText, type DataPath } from './data-path.ts';
import type { OpenListener } from './open-listener.ts';
import { socketError } from './socket-error.ts';
import { observeUdp } from './observe-udp.ts';
import type { Choice, Upstream } from './upstream.ts';
import { openUdpSession, type UdpSession } from './udp-session.ts';

/** Limits the open files of one frontend: above it the oldest session is closed. */
const SESSIONS_LIMIT = 8192;

interface Frontend {
  readonly path: DataPath;
  readonly socket: Socket;
  readonly sessions: Map<string, UdpSession>;
  listener: Listener;
}

export function openUdpListener(listener: Listener, path: DataPath): Promise<Result<OpenListener>> {
  const socket = newSocket(listener.address);
  const frontend: Frontend = { path, socket, sessions: new Map(), listener };
  socket.on('message', (data, { address, port }) => forward(frontend, data, { address, port }));
  return new Promise((resolve) => {
    const fails = (error: Error): void => {
      // Unlike a TCP server, a UDP socket stays open after a failed bind.
      socket.close();
      resolve(fail(socketError(listenerKey(listener), error)));
    };
    socket.once('error', fails);
    socket.bind({ address: listener.address, port: listener.port, exclusive: true }, () => {
      socket.off('error', fails);
      resolve(succeed(opened(frontend)));
    });
  });
}

function newSocket(address: string): Socket {
  return createSocket({
    type: address.includes(':') ? 'udp6' : 'udp4',
    // The host is always an address: no DNS lookup.
    lookup: (host, _, done) => done(null, host, host.includes(':') ? 6 : 4),
  });
}

function opened(frontend: Frontend): OpenListener {
  const { path, socket, sessions } = frontend;
  // A reply that cannot be sent is lost, as a datagram may be.
  socket.on('error', () => {});
  path.files.hold(1);
  return {
    get listener() {
      return frontend.listener;
    },
    update(listener) {
      frontend.listener = listener;
      const serving = new Set(listener.servicePort.servingEndpoints.map(endpointName));
      // S46: a flow to an endpoint that no longer serves is stale.
      for (const session of sessions.values()) {
        if (!serving.has(endpointName(session.endpoint))) session.close('endpoint-removed');
      }
    },
    close() {
      for (const session of sessions.values()) session.close('frontend-removed');
      socket.close();
      path.files.release(1);
    },
  };
}

function forward(frontend: Frontend, data: Buffer, client: Peer): void {
  const key = formatAddressPort(client.address, client.port);
  const session = frontend.sessions.get(key) ?? startSession(frontend, key, client);
  session?.send(data);
}

function startSession(frontend: Frontend, key: string, client: Peer): UdpSession | null {
  const { path, listener } = frontend;
  const source = sourceText(client.address);
  const endpoints = dispatch(listener, { source, isHostAddress: path.isHostAddress });
  if (endpoints === null) {
    path.counts.refused++;
    return null;
  }
  const upstream = path.upstream(listener.servicePort.key);
  const admission = upstream.admit(listener.servicePort);
  if (admission === null) return null;
  if (!takeFile(frontend)) {
    admission.end();
    return null;
  }
  admission.settle();
  const choice = { policies: listener.servicePort, endpoints, client: source };
  // After the limits: a datagram that is dropped takes no turn.
  const { candidates, release } = upstream.choose(choice, 1);
  const [endpoint] = candidates as [DesiredEndpoint];
  upstream.connected(choice, endpoint);
  const session = openSession(frontend, { key, client, choice, upstream, admission, endpoint, release });
  frontend.sessions.set(key, session);
  if (frontend.sessions.size > SESSIONS_LIMIT)
    frontend.sessions.values().next().value?.close('session-limit');
  return session;
}

interface Flow {
  /** Of the client, in the sessions of the frontend. */
  readonly key: string;
  readonly client: Peer;
  readonly choice: Choice;
  readonly upstream: Upstream;
  readonly admission: Admission;
  readonly endpoint: DesiredEndpoint;
  /** Of the endpoint. */
  readonly release: () => void;
}

function openSession({ path, listener, socket, sessions }: Frontend, flow: Flow): UdpSession {
  const { key, client, choice, upstream, admission, endpoint, release } = flow;
  const { counts } = path;
  counts.forwarded++;
  counts.open++;
  return openUdpSession({
    socket: newSocket(endpoint.address),
    endpoint,
    observer: observeUdp(path, { listener, client: { ...client, address: choice.client }, endpoint }),
    clock: path.clock,
    timeout: listener.servicePort.connections?.idleTimeout ?? path.udpTimeout,
    onReply(reply) {
      if (upstream.hasFailures(endpoint)) upstream.succeeded(endpoint);
      socket.send(reply, client.port, client.address, () => {});
    },
    onFailure() {
      counts.failedAttempts++;
      counts.upstream.upstream_cx_connect_fail++;
      upstream.failed(choice, endpoint);
    },
    onClose() {
      counts.open--;
      release();
      admission.end();
      path.files.release(1);
      sessions.delete(key);
    },
  });
}

/** Closes the oldest session of the frontend if no file is free; sessions of other frontends are kept. */
function takeFile({ path: { files, counts }, sessions }: Frontend): boolean {
  if (files.take(1)) return true;
  sessions.values().next().value?.close('session-limit');
  const isTaken = files.take(1);
  if (!isTaken) counts.overflow++;
  return isTaken;
}
