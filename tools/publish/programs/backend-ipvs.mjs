// A desired state as virtual servers and sets, on a fake kernel.
import assert from 'node:assert/strict';
import { createIpvsBackend, DEFAULT_SCHEDULER, SCHEDULERS } from '@signalbox/backend-ipvs';
import { createFakeIpvs, createFakeKernel } from '@signalbox/backend-ipvs/testing';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { fullChange } from '@signalbox/core';

assert.ok([...SCHEDULERS].includes(DEFAULT_SCHEDULER));
const kernel = createFakeKernel();
const { driver } = createFakeIpvs({ family: 'IPv4', kernel });
const backend = createIpvsBackend({ family: 'IPv4', driver });
const state = sampleStateOf('IPv4', [sampleServicePort('IPv4')]);
const programmed = await backend.sync(fullChange(state));
assert.equal(programmed.outcome, 'ok', programmed.error?.message);
assert.ok(kernel.servers.size > 0);
await backend.cleanup();
assert.equal(kernel.servers.size, 0);
await backend.close();
