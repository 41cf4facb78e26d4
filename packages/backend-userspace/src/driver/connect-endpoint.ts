/** Connects to the first endpoint that answers: an unreachable endpoint delays the connection but does not fail it. */
import { connect, type Socket } from 'node:net';
import type { Clock, DesiredEndpoint } from '@signalbox/core';

/** Timeouts of kube-proxy's userspace mode, in milliseconds. Each attempt goes to the next endpoint. */
const ATTEMPT_TIMEOUTS: readonly number[] = [250, 500, 1000, 2000];
export const ATTEMPTS: number = ATTEMPT_TIMEOUTS.length;

export interface ConnectEvents {
  /** An attempt begins; the socket closes when it fails or is cancelled. */
  readonly onAttempt: (socket: Socket, endpoint: DesiredEndpoint) => void;
  readonly onConnect: (socket: Socket, endpoint: DesiredEndpoint) => void;
  /** The outcome is `timeout`, or the code of the error: `ECONNREFUSED`. */
  readonly onFailedAttempt: (endpoint: DesiredEndpoint, outcome: string) => void;
  /** Before each attempt beyond the first. */
  readonly mayRetry: () => boolean;
  /** There are no more attempts. */
  readonly onGiveUp: () => void;
}

export interface ConnectOptions {
  readonly clock: Pick<Clock, 'schedule'>;
  /** Milliseconds for each attempt. Default: 250, 500, 1000 and 2000. */
  readonly timeout?: number | undefined;
}

interface Attempt {
  readonly endpoint: DesiredEndpoint;
  readonly timeout: number;
}

/** The returned function cancels the attempts; no effect after a connection is established. */
export function connectEndpoint(
  candidates: readonly DesiredEndpoint[],
  options: ConnectOptions,
  events: ConnectEvents,
): () => void {
  const search = { attempt: 0, cancel: (): void => {} };
  const next = (): void => {
    const endpoint = candidates[search.attempt];
    const usual = ATTEMPT_TIMEOUTS[search.attempt];
    const isDenied = search.attempt > 0 && endpoint !== undefined && !events.mayRetry();
    search.attempt++;
    if (endpoint === undefined || usual === undefined || isDenied) return events.onGiveUp();
    const attempt = { endpoint, timeout: options.timeout ?? usual };
    search.cancel = connectOnce(attempt, options.clock, {
      ...events,
      onFailedAttempt(...failure) {
        events.onFailedAttempt(...failure);
        next();
      },
    });
  };
  next();
  return () => search.cancel();
}

/** One attempt; the returned function cancels it. */
export function connectOnce(
  { endpoint, timeout }: Attempt,
  { schedule }: Pick<Clock, 'schedule'>,
  events: Pick<ConnectEvents, 'onAttempt' | 'onConnect' | 'onFailedAttempt'>,
): () => void {
  const { address: host, port } = endpoint;
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  const state = { isSettled: false };
  const settle = (): void => {
    state.isSettled = true;
    stopTimer();
    socket.off('connect', succeed).off('error', fail);
    // A destroyed socket may still emit an error.
    socket.on('error', () => {});
  };
  const fail = (error?: NodeJS.ErrnoException): void => {
    settle();
    socket.destroy();
    events.onFailedAttempt(endpoint, error === undefined ? 'timeout' : (error.code ?? error.message));
  };
  const succeed = (): void => {
    settle();
    events.onConnect(socket, endpoint);
  };
  const stopTimer = afterEvents(schedule, timeout, fail);
  socket.once('connect', succeed).once('error', fail);
  events.onAttempt(socket, endpoint);
  return () => {
    if (state.isSettled) return;
    settle();
    socket.destroy();
  };
}

/** An answer that arrived while the event loop was busy is handled before the timeout. */
function afterEvents(schedule: Clock['schedule'], timeout: number, callback: () => void): () => void {
  const timer = { stop: (): void => {} };
  timer.stop = schedule(timeout, () => {
    const check = setImmediate(callback);
    timer.stop = () => clearImmediate(check);
  });
  return () => timer.stop();
}
