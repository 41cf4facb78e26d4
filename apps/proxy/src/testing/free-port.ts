import { createServer } from 'node:net';

/**
 * Below the ports that the kernel gives to connections: a free one of those may be taken by a client of any process before
 * the server under test listens. Processes have ranges of their own, since test files run side by side.
 */
const FIRST = 12_000;
const RANGES = 400;
const RANGE = 50;
const state = { taken: 0 };

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < RANGE; tries += 1) {
    const port = FIRST + (process.pid % RANGES) * RANGE + (state.taken % RANGE);
    state.taken += 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${RANGE} of 127.0.0.1`);
}
