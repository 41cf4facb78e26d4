/** The device of userspace mode and strict ARP, in the network namespace of the suite. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { FAMILIES } from '@signalbox/core';
import { createLogging } from '../logging/logger.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { settingsOf } from '../testing/settings.ts';
import type { NodeFacts } from './proxy-mode.ts';
import { USERSPACE } from './userspace.ts';

const ARP = ['arp_ignore', 'arp_announce'].map((name) => `/proc/sys/net/ipv4/conf/all/${name}`);
const read = (): readonly string[] => ARP.map((path) => readFileSync(path, 'utf8').trim());
const write = (values: readonly string[]): void =>
  ARP.forEach((path, at) => writeFileSync(path, values[at] ?? '0'));

const before: { arp: readonly string[] } = { arp: [] };
beforeEach(() => {
  before.arp = read();
  write(['0', '0']);
});
afterEach(() => write(before.arp));

const FACTS: NodeFacts = { nodeIP: () => null, syncPeriod: () => 30_000, counters: null };

async function createBoth(...flags: readonly string[]): Promise<void> {
  for (const family of FAMILIES) {
    const backend = await USERSPACE.createBackend(settingsOf(flags), family, FACTS);
    await backend.cleanup();
    await backend.close();
  }
}

it('restricts ARP replies with ipvs.strictARP, where service addresses are assigned', async () => {
  await createBoth('--proxy-mode=userspace');
  expect(read()).toEqual(['0', '0']);
  await createBoth('--proxy-mode=userspace', '--ipvs-strict-arp');
  expect(read()).toEqual(['1', '2']);
});

it('keeps a stricter setting', async () => {
  write(['8', '2']);
  await createBoth('--proxy-mode=userspace', '--ipvs-strict-arp');
  expect(read()).toEqual(['8', '2']);
});

it('creates no device and sets nothing in a probe', async () => {
  const sink = { write: () => undefined, now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  await USERSPACE.probe(settingsOf(['--proxy-mode=userspace', '--ipvs-strict-arp']), logger);
  expect(execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' })).not.toContain('kube-userspace0');
  expect(read()).toEqual(['0', '0']);
});
