// A desired state as rules, on a fake kernel: programmed, unchanged, removed.
import assert from 'node:assert/strict';
import { createIptablesBackend, renderRules } from '@signalbox/backend-iptables';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { clusterIP, desiredState, fullChange } from '@signalbox/core';
import { createFakeIptables } from '@signalbox/iptables/testing';

const { driver } = createFakeIptables({ family: 'IPv4' });
const backend = createIptablesBackend({ family: 'IPv4', driver });
const state = sampleStateOf('IPv4', [sampleServicePort('IPv4')]);
const programmed = await backend.sync(fullChange(state));
assert.equal(programmed.outcome, 'ok', programmed.error?.message);
const lines = [];
await driver.save((line) => lines.push(line));
assert.ok(lines.some((line) => line.startsWith('-A KUBE-SERVICES')));
await backend.cleanup();
await backend.close();

// A dry run, without a kernel.
const rendered = renderRules(desiredState('IPv4', [clusterIP('10.96.0.10:80', ['10.244.1.5:8080'])]));
assert.equal(rendered.ok, true);
assert.match(rendered.value, /-A KUBE-SERVICES -d 10\.96\.0\.10\/32/);
