/** Forwards the datagrams between one UDP client and one endpoint until both are idle for the timeout. */
import type { Socket } from 'node:dgram';
import type { Clock, DesiredEndpoint } from '@signalbox/core';
import type { ConnectionEnd } from '../objects/connection-record.ts';
import type { UdpObserver } from './observe-udp.ts';

export interface UdpSessionOptions {
  /** Not yet bound. */
  readonly socket: Socket;
  readonly endpoint: DesiredEndpoint;
  readonly clock: Clock;
  readonly observer: UdpObserver | null;
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
  close(cause: ConnectionEnd): void;
}

const WAITING_LIMIT = 64;

export function openUdpSession(options: UdpSessionOptions): UdpSession {
  const { socket, endpoint, observer } = options;
  const state = { isClosed: false };
  const close = (cause: ConnectionEnd): void => {
    if (state.isClosed) return;
    state.isClosed = true;
    idle.stop();
    socket.close();
    options.onClose();
    observer?.ended(cause);
  };
  const idle = createIdleTimer(options, () => close('idle-timeout'));
  const outbox = createOutbox(socket);
  socket.on('message', (data) => {
    idle.touch();
    if (observer !== null) observer.bytesOut += data.length;
    options.onReply(data);
  });
  const fail = (): void => {
    if (state.isClosed) return;
    options.onFailure();
    close('endpoint-reset');
  };
  // A connected socket reports ICMP errors of the endpoint. The next datagram of the client opens a session with another endpoint.
  socket.on('error', fail);
  socket.connect(endpoint.port, endpoint.address, (error?: Error) => {
    // There is no route to the endpoint. The type declaration lacks the argument.
    if (error !== undefined) return fail();
    if (!state.isClosed) outbox.open();
  });
  return {
    endpoint,
    send(data) {
      idle.touch();
      if (observer !== null) observer.bytesIn += data.length;
      outbox.send(data);
    },
    close,
  };
}

/** Datagrams wait until the socket is connected, which sends no packet to the endpoint. */
function createOutbox(socket: Socket) {
  const state = { isOpen: false };
  const waiting: Buffer[] = [];
  const transmit = (data: Buffer): void => socket.send(data, () => {});
  return {
    open(): void {
      state.isOpen = true;
      for (const data of waiting.splice(0)) transmit(data);
    },
    send(data: Buffer): void {
      if (state.isOpen) transmit(data);
      else if (waiting.length < WAITING_LIMIT) waiting.push(data);
    },
  };
}

interface IdleTimer {
  touch(): void;
  stop(): void;
}

/** A touch starts no timer: when the timer expires, it is started again for the time that remains since the last touch. */
function createIdleTimer({ clock, timeout }: UdpSessionOptions, onIdle: () => void): IdleTimer {
  const state = { usedAt: clock.elapsed(), stop: (): void => {} };
  const watch = (delay: number): void => {
    state.stop = clock.schedule(delay, () => {
      const left = state.usedAt + timeout - clock.elapsed();
      if (left <= 0) onIdle();
      else watch(left);
    });
  };
  watch(timeout);
  return {
    touch: () => void (state.usedAt = clock.elapsed()),
    stop: () => state.stop(),
  };
}
