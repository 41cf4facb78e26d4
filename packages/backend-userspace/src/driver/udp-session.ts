/** Forwards the datagrams between one UDP client and one endpoint until both are idle for the timeout. */
import type { Socket } from 'node:dgram';
import type { Clock, DesiredEndpoint } from '@signalbox/core';

export interface UdpSessionOptions {
  /** Not yet bound. */
  readonly socket: Socket;
  readonly endpoint: DesiredEndpoint;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeout: number;
  readonly onReply: (data: Buffer) => void;
  /** The endpoint refused a datagram. */
  readonly onFailure: () => void;
  /** Called once. */
  readonly onClose: () => void;
}

export interface UdpSession {
  readonly endpoint: DesiredEndpoint;
  send(data: Buffer): void;
  close(): void;
}

/** Datagrams that wait until the socket is connected, which sends no packet to the endpoint. */
const WAITING_LIMIT = 64;

export function openUdpSession(options: UdpSessionOptions): UdpSession {
  const { socket, endpoint } = options;
  const state = { isConnected: false, isClosed: false };
  const waiting: Buffer[] = [];
  const close = (): void => {
    if (state.isClosed) return;
    state.isClosed = true;
    idle.stop();
    socket.close();
    options.onClose();
  };
  const idle = createIdleTimer(options, close);
  const transmit = (data: Buffer): void => socket.send(data, () => {});
  socket.on('message', (data) => {
    idle.touch();
    options.onReply(data);
  });
  const fail = (): void => {
    if (state.isClosed) return;
    options.onFailure();
    close();
  };
  // A connected socket reports ICMP errors of the endpoint. The next datagram of the client opens a session with another endpoint.
  socket.on('error', fail);
  socket.connect(endpoint.port, endpoint.address, (error?: Error) => {
    // There is no route to the endpoint. The type declaration lacks the argument.
    if (error !== undefined) return fail();
    if (state.isClosed) return;
    state.isConnected = true;
    for (const data of waiting.splice(0)) transmit(data);
  });
  return {
    endpoint,
    send(data) {
      idle.touch();
      if (state.isConnected) transmit(data);
      else if (waiting.length < WAITING_LIMIT) waiting.push(data);
    },
    close,
  };
}

interface IdleTimer {
  touch(): void;
  stop(): void;
}

/** A touch starts no timer: when the timer expires, it is started again for the time that remains since the last touch. */
function createIdleTimer({ clock, timeout }: UdpSessionOptions, onIdle: () => void): IdleTimer {
  const state = { usedAt: clock.now(), stop: (): void => {} };
  const watch = (delay: number): void => {
    state.stop = clock.schedule(delay, () => {
      const left = state.usedAt + timeout - clock.now();
      if (left <= 0) onIdle();
      else watch(left);
    });
  };
  watch(timeout);
  return {
    touch: () => void (state.usedAt = clock.now()),
    stop: () => state.stop(),
  };
}
