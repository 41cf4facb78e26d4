import { createExecDriver } from '@signalbox/backend-iptables';
import { backendError, createModel, fullChange, type BackendError, type Family } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import type { AccountingClient, AccountingObject, NetlinkError, NetlinkResult } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { registerPacketCounters } from '../metrics/packet-counters.ts';
import { createProxyMetrics } from '../metrics/proxy-metrics.ts';
import { createRegistry } from '../metrics/registry.ts';
import { modelConfig } from '../sync/model-config.ts';
import { recordingBackend, SYNCED } from '../testing/composition.ts';
import { settingsOf } from '../testing/settings.ts';
import { IPTABLES } from './iptables.ts';
import { countersCleaner, openPacketCounters, withCounters } from './packet-counters.ts';

const INVALID = 'ct_state_invalid_dropped_pkts';
const LOCALHOST = 'localhost_nps_accepted_pkts';
const NO_KERNEL: NetlinkError = { code: 'unsupported', operation: 'NFNL_MSG_ACCT_NEW', message: 'EINVAL' };
const NO_MATCH = backendError('rejected', 'iptables-restore', 'exit status 1: line 4 failed');
const LOCKED = backendError('busy', 'iptables-restore', 'the lock is held');

interface FakeObjects {
  readonly client: AccountingClient;
  readonly objects: Map<string, AccountingObject>;
  /** While set, everything fails with it. */
  error: NetlinkError | null;
  closed: number;
}

/** The kernel's objects as a map; one with more than its own reference cannot be deleted. */
function fakeObjects(error: NetlinkError | null = null): FakeObjects {
  const objects = new Map<string, AccountingObject>();
  const answer = async <T>(value: () => T): Promise<NetlinkResult<T>> =>
    fake.error === null ? { ok: true, value: value() } : { ok: false, error: fake.error };
  const fresh = (name: string): AccountingObject => ({ name, packets: 0, bytes: 0, references: 1 });
  const client: AccountingClient = {
    ensure: (names) =>
      answer(() => {
        for (const name of names) objects.set(name, objects.get(name) ?? fresh(name));
        return null;
      }),
    read: (names) => answer(() => names.flatMap((name) => objects.get(name) ?? [])),
    delete: (names) =>
      answer(() => {
        const known = names.flatMap((name) => objects.get(name) ?? []);
        const inUse = known.filter(({ references }) => references > 1).map(({ name }) => name);
        const deleted = known.map(({ name }) => name).filter((name) => !inUse.includes(name));
        for (const name of deleted) objects.delete(name);
        return { deleted, inUse };
      }),
    close: () => {
      fake.closed += 1;
    },
  };
  const fake: FakeObjects = { client, objects, error, closed: 0 };
  return fake;
}

type Answers = Partial<Record<Family, BackendError | readonly BackendError[]>>;

/** `answers`: the results of a family's probe, each time or the first times; then it works. */
function world(answers: Answers = {}, error: NetlinkError | null = null) {
  const fake = fakeObjects(error);
  const clock = createManualClock();
  const lines: string[] = [];
  const { logger } = createLogging(
    { format: 'text', verbosity: 2, vmodule: [] },
    { write: (line) => lines.push(line), now: () => 0, pid: 1 },
  );
  const asked: Family[] = [];
  const probe = (family: Family) => {
    asked.push(family);
    const results = answers[family] ?? [];
    const tries = asked.filter((each) => each === family).length;
    const answer = 'code' in results ? results : results[tries - 1];
    return Promise.resolve(answer ?? createExecDriver({ family }));
  };
  const open = async () => {
    const state = { done: false };
    const opened = openPacketCounters(['IPv4', 'IPv6'], logger, { client: fake.client, probe, clock });
    const counters = opened.finally(() => (state.done = true));
    while (!state.done) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1000);
    }
    return counters;
  };
  return { fake, lines, open, asked };
}

function count({ objects }: FakeObjects, name: string, packets: number): void {
  objects.set(name, { name, packets, bytes: packets * 60, references: 2 });
}

describe('packet counters', () => {
  it('F162 F163: are made at start, and read at each scrape', async () => {
    const { fake, lines, open } = world();
    const counters = await open();
    if (counters === null) throw new Error('there are no counters');
    expect([...counters.drivers.keys()]).toEqual(['IPv4', 'IPv6']);
    expect(lines).toEqual([]);
    const registry = createRegistry();
    registerPacketCounters(
      registry,
      createProxyMetrics(registry, () => IPTABLES),
      () => counters,
    );
    count(fake, INVALID, 3);
    count(fake, LOCALHOST, 5);
    const text = await registry.text();
    expect(text).toContain('kubeproxy_iptables_ct_state_invalid_dropped_packets_total 3\n');
    expect(text).toContain('kubeproxy_iptables_localhost_nodeports_accepted_packets_total 5\n');
  });

  it('F162: keep the last value while the kernel cannot be asked', async () => {
    const { fake, open } = world();
    const counters = await open();
    if (counters === null) throw new Error('there are no counters');
    const registry = createRegistry();
    registerPacketCounters(
      registry,
      createProxyMetrics(registry, () => IPTABLES),
      () => counters,
    );
    count(fake, INVALID, 3);
    await registry.text();
    fake.error = { ...NO_KERNEL, code: 'timeout' };
    expect(await registry.text()).toContain('ct_state_invalid_dropped_packets_total 3\n');
  });

  it('F162 F163: a kernel without the objects is no error, and is reported once', async () => {
    const { fake, lines, open } = world({}, NO_KERNEL);
    expect(await open()).toBeNull();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^I.*"Packets are not counted" why="NFNL_MSG_ACCT_NEW: EINVAL"\n$/);
    expect(fake.closed).toBe(1);
  });

  it('F162 F163: without the match no rule counts, and the objects go again', async () => {
    const { fake, lines, open } = world({ IPv4: NO_MATCH, IPv6: NO_MATCH });
    expect(await open()).toBeNull();
    expect(lines).toHaveLength(1);
    expect([...fake.objects.keys()]).toEqual([]);
    expect(fake.closed).toBe(1);
  });

  it('count for the families that can', async () => {
    const { lines, open } = world({ IPv6: NO_MATCH });
    const counters = await open();
    expect([...(counters?.drivers.keys() ?? [])]).toEqual(['IPv4']);
    expect(lines.join('')).toContain('why="IPv6: iptables-restore: exit status 1: line 4 failed"');
  });

  it('F162 F163: a lock that is held for a moment is waited for', async () => {
    const { lines, open } = world({ IPv4: [LOCKED, LOCKED] });
    const counters = await open();
    expect([...(counters?.drivers.keys() ?? [])]).toEqual(['IPv4', 'IPv6']);
    expect(lines.map((line) => /".*/.exec(line)?.[0])).toEqual([
      '"Retrying to create packet counters" why="iptables-restore: the lock is held"',
      '"Retrying to create packet counters" why="iptables-restore: the lock is held"',
    ]);
  });

  it('F162 F163: a lock that stays busy is reported at any verbosity', async () => {
    const { lines, open, asked } = world({ IPv4: LOCKED, IPv6: NO_MATCH });
    expect(await open()).toBeNull();
    expect(asked.filter((family) => family === 'IPv4')).toHaveLength(4);
    expect(asked.filter((family) => family === 'IPv6')).toHaveLength(1);
    expect(lines.at(-1)).toMatch(
      /^W.*"Packet counters unavailable until the next start" why="IPv4: iptables-restore: the lock is held; IPv6: /,
    );
  });

  it('F162 F163: so are the objects themselves', async () => {
    const busy = world({}, { ...NO_KERNEL, code: 'busy', message: 'ENOBUFS' });
    expect(await busy.open()).toBeNull();
    expect(busy.lines.at(-1)).toMatch(/^W.*why="NFNL_MSG_ACCT_NEW: ENOBUFS"\n$/);
    expect(busy.lines).toHaveLength(4);
  });

  it('are made again after a failed sync: without them every rule that counts is refused', async () => {
    const { fake, open } = world();
    const counters = await open();
    if (counters === null) throw new Error('there are no counters');
    const inner = recordingBackend('IPv4');
    const backend = withCounters(inner, counters);
    const change = fullChange(createModel(modelConfig(settingsOf([]))).state('IPv4'));
    fake.objects.clear();
    expect(await backend.sync(change)).toEqual(SYNCED);
    expect(fake.objects.size).toBe(0);
    inner.answers.push({ ...SYNCED, outcome: 'failed', error: NO_MATCH });
    expect(await backend.sync(change)).toMatchObject({ outcome: 'failed', error: NO_MATCH });
    expect([...fake.objects.keys()]).toEqual([INVALID, LOCALHOST]);
  });
});

describe('--cleanup of the counters', () => {
  it('F86 F162 F163: removes counters that no rule refers to, and reports them', async () => {
    const fake = fakeObjects();
    await fake.client.ensure([INVALID, LOCALHOST, 'of-another-program']);
    count(fake, LOCALHOST, 1);
    const removed = [`accounting object ${INVALID}`];
    expect(await countersCleaner({ connect: () => fake.client }).clean()).toEqual({ outcome: 'ok', removed });
    expect([...fake.objects.keys()]).toEqual([LOCALHOST, 'of-another-program']);
  });

  it('finds nothing in a kernel that has no such objects, and hides no other refusal', async () => {
    expect(await countersCleaner({ connect: () => fakeObjects(NO_KERNEL).client }).clean()).toEqual({
      outcome: 'ok',
      removed: [],
    });
    const forbidden: NetlinkError = { ...NO_KERNEL, code: 'not-permitted', message: 'EPERM' };
    expect(await countersCleaner({ connect: () => fakeObjects(forbidden).client }).clean()).toMatchObject({
      outcome: 'failed',
      error: { code: 'not-permitted' },
    });
  });
});
