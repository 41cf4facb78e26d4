import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { DesiredEndpoint } from '@signalbox/core';
import { dial, held } from './loopback.ts';

const STALLED = `
  const { createServer } = require('node:net');
  const { parentPort, workerData } = require('node:worker_threads');
  const server = createServer((socket) => socket.on('error', () => {}).end('late'));
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(workerData), 0, 0);
  });
`;

/** Its thread is blocked and its queue is full, so that the kernel drops SYNs: it does not answer until it is released. */
export async function stalledEndpoint() {
  const gate = new SharedArrayBuffer(4);
  const release = (): void => {
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
  };
  const worker = new Worker(STALLED, { eval: true, workerData: gate });
  held.push({ close: () => worker.terminate() }, { close: release });
  const [port] = (await once(worker, 'message')) as [number];
  const fillers = [0, 1].map(() => dial({ port }));
  await Promise.all(fillers.map((socket) => once(socket, 'connect')));
  return { release, endpoint: { address: '127.0.0.1', port, isLocal: true } satisfies DesiredEndpoint };
}
