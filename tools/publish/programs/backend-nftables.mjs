// A desired state as a table of nftables, on a fake kernel.
import assert from 'node:assert/strict';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { createNftablesBackend, renderRules } from '@signalbox/backend-nftables';
import { createFakeNftables } from '@signalbox/backend-nftables/testing';
import { clusterIP, desiredState, fullChange } from '@signalbox/core';

const fake = createFakeNftables({ family: 'IPv4' });
const backend = createNftablesBackend({ family: 'IPv4', driver: fake.driver });
const state = sampleStateOf('IPv4', [sampleServicePort('IPv4')]);
const programmed = await backend.sync(fullChange(state));
assert.equal(programmed.outcome, 'ok', programmed.error?.message);
assert.ok(fake.table.chains.has('services'));
await backend.cleanup();
assert.equal(fake.table, null);
await backend.close();

// A dry run, without a kernel.
const rendered = renderRules(desiredState('IPv4', [clusterIP('10.96.0.10:80', ['10.244.1.5:8080'])]));
assert.equal(rendered.ok, true);
assert.match(rendered.value, /10\.96\.0\.10 \. tcp \. 80/);
