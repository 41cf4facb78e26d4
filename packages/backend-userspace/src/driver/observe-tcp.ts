/** Collects the record of one TCP connection. Nothing is created unless records are requested. */
import type { Socket } from 'node:net';
import {
  CONNECTED,
  type ConnectionAttempt,
  type ConnectionEnd,
  type Peer,
} from '../objects/connection-record.ts';
import type { Listener } from '../objects/listener.ts';
import { sourceText, type DataPath } from './data-path.ts';

export interface TcpObserver {
  attempted(endpoint: Peer, outcome: string): void;
  /** Before the connections are joined: the first of them that fails is the cause of the end. */
  connected(upstream: Socket, endpoint: Peer): void;
  /** Only the first cause is recorded. */
  ends(cause: ConnectionEnd): void;
}

/** `null`: records are not requested. The client has an address. */
export function observeTcp(client: Socket, listener: Listener, path: DataPath): TcpObserver | null {
  const { clock, onConnectionEnd } = path;
  if (onConnectionEnd === null) return null;
  const startedAt = clock.now();
  const peer = { address: sourceText(client.remoteAddress ?? ''), port: client.remotePort ?? 0 };
  const attempts: ConnectionAttempt[] = [];
  const state: { endpoint: Peer | null; cause: ConnectionEnd | null } = { endpoint: null, cause: null };
  const observer: TcpObserver = {
    attempted: ({ address, port }, outcome) =>
      void attempts.push({ endpoint: { address, port }, at: clock.now(), outcome }),
    connected(upstream, { address, port }) {
      state.endpoint = { address, port };
      observer.attempted(state.endpoint, CONNECTED);
      upstream.once('error', () => observer.ends('endpoint-reset'));
      client.once('timeout', () => observer.ends('idle-timeout'));
    },
    ends: (cause) => void (state.cause ??= cause),
  };
  client.once('error', () => observer.ends('client-reset'));
  client.once('close', () => {
    observer.ends(endOf(client, path));
    onConnectionEnd({
      servicePort: listener.servicePort.name,
      client: peer,
      frontend: { address: listener.address, port: listener.port },
      endpoint: state.endpoint,
      attempts,
      bytesIn: client.bytesRead,
      bytesOut: client.bytesWritten,
      startedAt,
      endedAt: clock.now(),
      cause: state.cause ?? 'reset',
    });
  });
  return observer;
}

/** Of a client that closed without an error. */
function endOf({ readableEnded, writableFinished }: Socket, { isDrained }: DataPath): ConnectionEnd {
  if (readableEnded && writableFinished) return 'closed';
  return isDrained ? 'drain-timeout' : 'reset';
}
