/**
 * While an endpoint does not read, its client is not read either, and Node.js does not detect that the client has reset the
 * connection. An empty write reports the error of the socket: without it both connections would remain until the idle timeout.
 */
import type { Socket } from 'node:net';
import type { Clock } from '@signalbox/core';

const PROBE_INTERVAL_MS = 30_000;

export interface StalledClients {
  /** Probes the client until it has closed. */
  watch(client: Socket): void;
}

export function createStalledClients({ schedule }: Pick<Clock, 'schedule'>): StalledClients {
  const clients = new Set<Socket>();
  const state = { stopTimer: (): void => {} };
  const probe = (): void => {
    for (const client of clients) if (client.isPaused() && client.writable) client.write('');
    start();
  };
  const start = (): void => {
    state.stopTimer = schedule(PROBE_INTERVAL_MS, probe);
  };
  return {
    watch(client) {
      if (clients.size === 0) start();
      clients.add(client);
      client.once('close', () => {
        clients.delete(client);
        if (clients.size === 0) state.stopTimer();
      });
    },
  };
}
