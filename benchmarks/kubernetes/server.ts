/** The cluster, in a process of its own: `server.ts <services>`. Prints its URL; changes a Service a line on stdin. */
import { createInterface } from 'node:readline';
import { argv, stdin, stdout } from 'node:process';

import { createTestApiServer } from '@signalbox/kubernetes/testing';

import { serviceObject, sliceObject } from './objects.ts';

const services = Number(argv[2] ?? 1000);
const server = await createTestApiServer();
for (let i = 0; i < services; i++) {
  server.put(serviceObject(i));
  server.put(sliceObject(i));
}
stdout.write(`${server.url}\n`);
createInterface({ input: stdin })
  .on('line', (line) => {
    const sent = performance.timeOrigin + performance.now();
    server.put(serviceObject(Number(line), { sent: String(sent) }));
  })
  .on('close', () => void server.stop());
