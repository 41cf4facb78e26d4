// A desired state as listening sockets, on a fake node.
import assert from 'node:assert/strict';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { createUserspaceBackend } from '@signalbox/backend-userspace';
import { createFakeDriver, createFakeNode } from '@signalbox/backend-userspace/testing';
import { fullChange } from '@signalbox/core';

const node = createFakeNode(['192.0.2.10']);
const driver = createFakeDriver({ family: 'IPv4', node });
const backend = createUserspaceBackend({ family: 'IPv4', driver });
const programmed = await backend.sync(fullChange(sampleStateOf('IPv4', [sampleServicePort('IPv4')])));
assert.equal(programmed.outcome, 'ok', programmed.error?.message);
assert.deepEqual([...node.listeners.keys()], ['TCP 10.96.0.0:80']);
await backend.cleanup();
assert.equal(node.listeners.size, 0);
await backend.close();
