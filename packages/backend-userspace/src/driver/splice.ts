/** Joins two connections: forwards bytes with back-pressure, the end of each direction separately, and resets. */
import type { Socket } from 'node:net';

/** TCP keep-alive probes start after a minute without data, to detect a peer node that failed. */
const KEEP_ALIVE_MS = 60_000;

export function splice(client: Socket, upstream: Socket, idleTimeout: number): void {
  for (const socket of [client, upstream]) socket.setKeepAlive(true, KEEP_ALIVE_MS);
  // `pipe` ends the other side when this side ends, and only that direction: both allow half-open connections.
  client.pipe(upstream);
  upstream.pipe(client);
  closeWith(client, upstream);
  closeWith(upstream, client);
  // Each byte is read from one and written to the other, so one timer is sufficient.
  client.setTimeout(idleTimeout, () => client.resetAndDestroy());
}

/** A connection that did not end in both directions is reset on the other side. */
function closeWith(one: Socket, other: Socket): void {
  one.on('error', () => {});
  one.once('close', (hadError) => {
    const hasEnded = !hadError && one.readableEnded && one.writableFinished;
    if (!hasEnded && !other.destroyed) other.resetAndDestroy();
  });
}
