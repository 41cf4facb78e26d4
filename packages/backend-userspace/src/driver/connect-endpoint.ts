/** Connects to the first endpoint that answers: an unreachable endpoint delays the connection but does not fail it. */
import { connect, type Socket } from 'node:net';
import type { Clock, DesiredEndpoint } from '@signalbox/core';

/** Timeouts of kube-proxy's userspace mode, in milliseconds. Each attempt goes to the next endpoint. */
const ATTEMPT_TIMEOUTS: readonly number[] = [250, 500, 1000, 2000];
export const ATTEMPTS: number = ATTEMPT_TIMEOUTS.length;

export interface ConnectEvents {
  readonly onConnect: (socket: Socket, endpoint: DesiredEndpoint) => void;
  /** The outcome is `timeout`, or the code of the error: `ECONNREFUSED`. */
  readonly onFailedAttempt: (endpoint: DesiredEndpoint, outcome: string) => void;
  /** There are no more attempts. */
  readonly onGiveUp: () => void;
}

/** The returned function cancels the attempts; no effect after a connection is established. */
export function connectEndpoint(
  candidates: readonly DesiredEndpoint[],
  { schedule }: Pick<Clock, 'schedule'>,
  events: ConnectEvents,
): () => void {
  const search = { attempt: 0, cancel: (): void => {} };
  const next = (): void => {
    const endpoint = candidates[search.attempt];
    const timeout = ATTEMPT_TIMEOUTS[search.attempt];
    search.attempt++;
    if (endpoint === undefined || timeout === undefined) return events.onGiveUp();
    const socket = connect({
      host: endpoint.address,
      port: endpoint.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    const fail = (error?: NodeJS.ErrnoException): void => {
      search.cancel();
      socket.destroy();
      events.onFailedAttempt(endpoint, error === undefined ? 'timeout' : (error.code ?? error.message));
      next();
    };
    const succeed = (): void => {
      search.cancel();
      events.onConnect(socket, endpoint);
    };
    const stopTimer = afterEvents(schedule, timeout, fail);
    search.cancel = () => {
      search.cancel = () => {};
      stopTimer();
      socket.off('connect', succeed).off('error', fail);
      // A destroyed socket may still emit an error.
      socket.on('error', () => {});
      if (socket.connecting) socket.destroy();
    };
    socket.once('connect', succeed).once('error', fail);
  };
  next();
  return () => search.cancel();
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
