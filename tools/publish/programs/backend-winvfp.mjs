// Without the bridge to HNS: a typed error. Writes to HNS can be recorded on every platform.
import assert from 'node:assert/strict';
import { createEdgeHcn, hcnApiOf, recordHcn } from '@signalbox/backend-winvfp';

const opened = createEdgeHcn();
assert.equal(opened.ok, false);
assert.match(opened.error.message, /Windows|edge/i);
const recorder = recordHcn(hcnApiOf((request) => Promise.resolve({ ok: true, value: '{}', request })));
assert.ok(recorder !== null);
