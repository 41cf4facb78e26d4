// A desired state as listening sockets: on a fake node, and in two threads of this process.
import assert from 'node:assert/strict';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { createUserspaceBackend, parseAddressMapping } from '@signalbox/backend-userspace';
import { createFakeDriver, createFakeNode } from '@signalbox/backend-userspace/testing';
import { fullChange } from '@signalbox/core';

const servicePort = sampleServicePort('IPv4');
const node = createFakeNode(['192.0.2.10']);
const driver = createFakeDriver({ family: 'IPv4', node });
const backend = createUserspaceBackend({ family: 'IPv4', driver });
const programmed = await backend.sync(fullChange(sampleStateOf('IPv4', [servicePort])));
assert.equal(programmed.outcome, 'ok', programmed.error?.message);
assert.deepEqual([...node.listeners.keys()], ['TCP 10.96.0.0:80']);
await backend.cleanup();
assert.equal(node.listeners.size, 0);
await backend.close();

const threads = createUserspaceBackend({
  family: 'IPv4',
  serviceAddresses: 'none',
  mappings: [parseAddressMapping('10.96.0.0/16=127.96.0.0/16')],
  workers: 2,
  onWorkerFailure: assert.fail,
});
const frontends = servicePort.frontends.map((frontend) => ({ ...frontend, port: 18_091 }));
const served = await threads.sync(fullChange(sampleStateOf('IPv4', [{ ...servicePort, frontends }])));
assert.equal(served.outcome, 'ok', served.error?.message);
assert.deepEqual(served.failures ?? [], []);
await threads.close();
