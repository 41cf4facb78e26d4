/** The datagrams of one UDP client, to one endpoint and back, until neither has sent any for a while. */
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

/** Datagrams that wait for the socket to be connected, which takes no message to the endpoint. */
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
  // Connected: an ICMP error of the endpoint arrives here. The next datagram of the client opens a session with another.
  socket.on('error', fail);
  socket.connect(endpoint.port, endpoint.address, (error?: Error) => {
    // There is no route to the endpoint. The type does not have the argument.
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

/** A touch costs no timer: when the time is over, the rest since the last touch is waited for. */
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
