// The desired state accumulated from its changes, including those of a failed sync.
import assert from 'node:assert/strict';
import { createDesiredView } from '@signalbox/backend-kit';
import { contractCases, sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { fullChange } from '@signalbox/core';

const port = sampleServicePort('IPv4');
const view = createDesiredView();
assert.equal(view.owed(), null);
view.apply(fullChange(sampleStateOf('IPv4', [port])));
assert.equal(view.owed().kind, 'full');
view.settle();
assert.ok(view.servicePorts.has(port.key));
assert.equal(typeof contractCases, 'function');
