/** Connects an accepted client to an endpoint, and reports the result to the state of the service port. */
import type { Socket } from 'node:net';
import type { DesiredEndpoint } from '@signalbox/core';
import type { Admission } from '../balance/circuit-breaker.ts';
import { ATTEMPTS, connectEndpoint } from './connect-endpoint.ts';
import type { DataPath } from './data-path.ts';
import type { TcpObserver } from './observe-tcp.ts';
import { splice } from './splice.ts';
import type { Choice, Upstream } from './upstream.ts';

export interface Admitted {
  readonly client: Socket;
  readonly choice: Choice;
  readonly upstream: Upstream;
  readonly admission: Admission;
  readonly observer: TcpObserver | null;
  /** Of the PROXY protocol: precedes the bytes of the client. */
  readonly header: Buffer | null;
}

export function forward(admitted: Admitted, path: DataPath): void {
  const { client, choice, upstream, admission, observer, header } = admitted;
  const { counts, clock } = path;
  const policy = choice.policies.connections;
  const options = { clock, timeout: policy?.connectTimeout };
  const { candidates, release } = upstream.choose(choice, ATTEMPTS);
  const attempts = { first: release as (() => void) | null };
  const cancel = connectEndpoint(candidates, options, {
    onAttempt(socket, endpoint) {
      socket.once('close', attempts.first ?? upstream.attempt(endpoint));
      attempts.first = null;
    },
    mayRetry: () => upstream.retry(admission),
    onConnect(socket, endpoint) {
      counts.forwarded++;
      admission.settle();
      upstream.connected(choice, endpoint);
      path.track(socket);
      observer?.connected(socket, endpoint);
      watchFirstByte(socket, endpoint, admitted);
      if (header !== null) socket.write(header);
      splice(client, socket, policy?.idleTimeout ?? path.tcpIdleTimeout);
    },
    onFailedAttempt(endpoint, outcome) {
      counts.failedAttempts++;
      counts.upstream.upstream_cx_connect_fail++;
      if (outcome === 'timeout') counts.upstream.upstream_cx_connect_timeout++;
      upstream.failed(choice, endpoint);
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

/** A reset by the endpoint before its first byte is a failure, as a refused connection is. If the client resets, this socket has no error. */
function watchFirstByte(socket: Socket, endpoint: DesiredEndpoint, { choice, upstream }: Admitted): void {
  socket.once('error', () => {
    if (socket.bytesRead === 0) upstream.failed(choice, endpoint);
  });
  // The pipe reads the socket in any case. Without a failure there is nothing to clear.
  if (upstream.hasFailures(endpoint)) socket.once('data', () => upstream.succeeded(endpoint));
}
