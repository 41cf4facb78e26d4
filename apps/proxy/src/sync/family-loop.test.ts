import { backendError, type Backend, type Model, type ObjectEvent } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import type { ConntrackClient, FlowState, NetlinkError } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { createFlowCleaner } from '../compose/flow-cleaner.ts';
import { createHealthState } from '../health/health-state.ts';
import { createSyncHistory } from '../inspect/sync-history.ts';
import { createLogging } from '../logging/logger.ts';
import { createProxyMetrics } from '../metrics/proxy-metrics.ts';
import { createRegistry } from '../metrics/registry.ts';
import type { LocalNodePorts } from '../modes/proxy-mode.ts';
import type { StateFile } from '../node/state-file.ts';
import { IPTABLES } from '../modes/iptables.ts';
import { memoryFile, recordingBackend, SYNCED } from '../testing/composition.ts';
import { DNS_VIP, dnsFlow, dnsModel, dnsService, dnsSlice } from '../testing/dns-service.ts';
import { createFamilyLoop } from './family-loop.ts';

const SYNC_ERROR = backendError('busy', 'iptables-restore', 'the lock is held');
const BUSY: NetlinkError = { code: 'busy', operation: 'IPCTNL_MSG_CT_GET', message: 'ENOBUFS' };
const FORBIDDEN: NetlinkError = { ...BUSY, code: 'not-permitted', message: 'EPERM' };

/** The kernel's table, one flow for each address that answers; `errors` are the answers to the next listings. */
function fakeTable() {
  const table = new Map<string, FlowState>();
  const errors: NetlinkError[] = [];
  const seen = { listings: 0, deletions: 0 };
  const client: ConntrackClient = {
    listFlows: (_family, protocols) => {
      seen.listings += 1;
      const error = errors.shift();
      if (error !== undefined) return Promise.resolve({ ok: false, error });
      const items = [...table.values()].filter(({ protocol }) => protocols.includes(protocol));
      return Promise.resolve({ ok: true, value: { items, quality: 'consistent' } });
    },
    deleteFlows: (stale) => {
      seen.deletions += 1;
      for (const { reply } of stale) table.delete(reply.source);
      const outcomes = stale.map(() => undefined);
      return Promise.resolve({ ok: true, value: { deleted: stale.length, gone: 0, outcomes } });
    },
    createFlows: () => Promise.reject(new Error('not asked for')),
    close: () => undefined,
  };
  const begin = (...answering: string[]): void => {
    for (const address of answering) table.set(address, dnsFlow(address));
  };
  const flowTo = (destination: string, answering: string, destinationPort = 53): void => {
    const flow = dnsFlow(answering);
    table.set(answering, { ...flow, original: { ...flow.original, destination, destinationPort } });
  };
  return { client, errors, seen, begin, flowTo, left: () => [...table.keys()] };
}

interface Given {
  readonly model?: Model;
  readonly file?: StateFile;
  readonly errors?: readonly NetlinkError[];
  readonly parts?: Partial<Backend>;
  readonly localNodePorts?: LocalNodePorts;
}

/** A loop over a recording backend that has synced `model` once; `file` is what an earlier one has left. */
async function world({
  model = dnsModel(),
  file = memoryFile(),
  errors = [],
  parts = {},
  localNodePorts,
}: Given = {}) {
  const clock = createManualClock();
  const backend = Object.assign(recordingBackend('IPv4'), parts);
  const health = createHealthState({ clock, families: ['IPv4'], syncPeriod: () => 30_000 });
  const flows = fakeTable();
  flows.errors.push(...errors);
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const loop = createFamilyLoop({
    backend,
    model,
    clock,
    logger: createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink).logger,
    events: { record: () => undefined },
    metrics: createProxyMetrics(createRegistry(), () => IPTABLES),
    health,
    serviceHealth: { sync: () => Promise.resolve(), close: () => Promise.resolve() },
    syncs: createSyncHistory(),
    flows: createFlowCleaner('IPv4', flows.client),
    frontends: () => file,
    sharedAddresses: null,
    unsupported: { note: () => undefined, synced: () => undefined },
    localNodePorts: localNodePorts ?? null,
    periods: () => ({ syncPeriod: 30_000, minSyncPeriod: 1000 }),
    refresh: () => undefined,
  });
  const pass = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed <= milliseconds; passed += 500) {
      clock.advance(passed === 0 ? 0 : 500);
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    }
  };
  const applyEvent = (...events: ObjectEvent[]): Promise<void> => {
    for (const event of events) model.apply(event);
    loop.request('change');
    return pass(1000);
  };
  loop.start();
  await pass(0);
  return { ...flows, backend, health, loop, lines, pass, applyEvent };
}

const complaints = (lines: readonly string[]): string[] =>
  lines.filter((line) => line.includes('Failed to delete stale conntrack entries'));

it('closes the sockets of node ports at loopback addresses when it stops, so that the next mode can open them', async () => {
  const seen: string[] = [];
  const record = (what: string) => () => {
    seen.push(what);
    return Promise.resolve();
  };
  const localNodePorts = { sync: record('sync'), failures: () => [], close: record('close') };
  const { loop } = await world({ localNodePorts });
  await loop.stop();
  expect(seen).toEqual(['sync', 'close']);
});

it('F113: a sync that hangs without a change makes the proxy unhealthy after two periods', async () => {
  const hanging = { on: false };
  const { health, pass } = await world({
    parts: { sync: () => (hanging.on ? new Promise(() => undefined) : Promise.resolve(SYNCED)) },
  });
  await pass(70_000);
  expect(health.health().healthy).toBe(true);
  hanging.on = true;
  await pass(30_000);
  expect(health.health().healthy).toBe(true);
  await pass(70_000);
  expect(health.health().healthy).toBe(false);
});

describe('connection tracking after a sync', () => {
  it('S44: one listing for a change of UDP ports, none for a sync without', async () => {
    const { seen, pass, applyEvent } = await world();
    expect(seen.listings).toBe(1);
    await pass(60_000);
    expect(seen.listings).toBe(1);
    await applyEvent(dnsSlice('10.244.1.6'));
    expect(seen.listings).toBe(2);
  });

  it('S47: flows of a Service that was deleted before the start are found once the service ranges are known', async () => {
    const { flowTo, left, applyEvent } = await world();
    flowTo('10.96.0.99', '10.244.1.66');
    flowTo('192.0.2.10', '10.88.0.2');
    const spec = { cidrs: ['10.96.0.0/16'] };
    await applyEvent({ type: 'upsert', resource: 'ServiceCIDR', object: { metadata: { name: 'a' }, spec } });
    expect(left()).toEqual(['10.88.0.2']);
    flowTo('10.96.0.99', '10.244.1.66');
    await applyEvent(dnsSlice('10.244.1.6'));
    expect(left(), 'looked for at start, not at each change').toEqual(['10.88.0.2', '10.244.1.66']);
  });

  it('S47: and are looked for again where the listing failed', async () => {
    const { errors, flowTo, left, pass, applyEvent } = await world();
    flowTo('10.96.0.99', '10.244.1.66');
    errors.push(BUSY);
    const spec = { cidrs: ['10.96.0.0/16'] };
    await applyEvent({ type: 'upsert', resource: 'ServiceCIDR', object: { metadata: { name: 'a' }, spec } });
    await pass(2000);
    expect(left()).toEqual([]);
  });

  it('S46: a clean-up that failed is tried again soon', async () => {
    const { errors, begin, left, pass, applyEvent, lines } = await world();
    begin('10.244.1.5', '10.244.1.6');
    errors.push(BUSY, BUSY);
    await applyEvent(dnsSlice('10.244.1.6'));
    expect(left()).toEqual(['10.244.1.5', '10.244.1.6']);
    await pass(2000);
    expect(left()).toEqual(['10.244.1.6']);
    expect(complaints(lines)).toHaveLength(2);
    expect(complaints(lines)[0]).toContain('IPCTNL_MSG_CT_GET: ENOBUFS (busy)');
  });

  it('S47: and looks at what was changed in the meantime, too, in one listing', async () => {
    const { errors, seen, begin, left, applyEvent } = await world();
    begin('10.244.1.5', '10.244.1.6');
    errors.push(BUSY);
    await applyEvent({ type: 'delete', resource: 'Service', namespace: 'default', name: 'dns' });
    Object.assign(seen, { listings: 0, deletions: 0 });
    await applyEvent(dnsService('UDP', '10.96.0.77'));
    expect(left()).toEqual([]);
    expect(seen).toEqual({ listings: 1, deletions: 1 });
  });

  it('one that keeps failing waits for the next sync after a while, and is never forgotten', async () => {
    const { errors, seen, begin, left, pass, applyEvent } = await world();
    begin('10.244.1.5');
    errors.push(...Array.from({ length: 8 }, () => BUSY));
    seen.listings = 0;
    await applyEvent(dnsSlice('10.244.1.6'));
    await pass(20_000);
    expect(seen.listings).toBe(6);
    await pass(100_000);
    expect([left(), seen.listings]).toEqual([[], 9]);
  });

  it('what another try does not cure is given up', async () => {
    const { errors, seen, pass, applyEvent, lines } = await world();
    errors.push(FORBIDDEN);
    seen.listings = 0;
    await applyEvent(dnsSlice('10.244.1.6'));
    await pass(60_000);
    expect([seen.listings, complaints(lines).length]).toEqual([1, 1]);
  });

  it('S46: after a repair, flows that began without rules are found', async () => {
    const { backend, seen, begin, left, loop, pass } = await world();
    begin(DNS_VIP, '10.244.1.5');
    seen.listings = 0;
    backend.answers.push({
      ...SYNCED,
      repaired: [{ kind: 'missing', type: 'chain', name: 'KUBE-SERVICES', within: 'nat' }],
    });
    loop.request('drift: chain KUBE-SERVICES');
    await pass(1000);
    expect([left(), seen.listings]).toEqual([['10.244.1.5'], 1]);
  });

  it.each(['failed', 'partial'] as const)(
    'S46: and after syncs that were %s, once one is not',
    async (outcome) => {
      const { backend, seen, begin, left, loop, pass } = await world();
      begin(DNS_VIP, '10.244.1.5');
      seen.listings = 0;
      backend.answers.push(
        { ...SYNCED, outcome, error: SYNC_ERROR },
        { ...SYNCED, outcome, error: SYNC_ERROR },
      );
      loop.request('drift: chain KUBE-SERVICES');
      await pass(1500);
      expect([left(), seen.listings]).toEqual([[DNS_VIP, '10.244.1.5'], 0]);
      await pass(5000);
      expect([left(), seen.listings]).toEqual([['10.244.1.5'], 1]);
    },
  );

  it('S44: a service that was deleted and came back between two syncs is looked at as it is now', async () => {
    const { backend, begin, left, applyEvent, pass } = await world();
    begin('10.244.1.5', '10.244.1.66');
    backend.answers.push({ ...SYNCED, outcome: 'failed', error: SYNC_ERROR });
    await applyEvent({ type: 'delete', resource: 'Service', namespace: 'default', name: 'dns' });
    await applyEvent(dnsService());
    await pass(5000);
    expect(left()).toEqual(['10.244.1.5']);
  });
});

describe('the verification of the first sync', () => {
  it('does not keep a change waiting where the backend observes beside syncs', async () => {
    const observe = (): Promise<never> => new Promise(() => undefined);
    const { backend, applyEvent } = await world({ parts: { observe, observesBesideSync: true } });
    const syncs = backend.changes.length;
    await applyEvent(dnsSlice('10.244.1.7'));
    expect(backend.changes).toHaveLength(syncs + 1);
  });
});

const GONE: ObjectEvent = { type: 'delete', resource: 'Service', namespace: 'default', name: 'dns' };

/** `dnsModel` whose service has a node port and an external IP, too. */
function exposedModel() {
  const model = dnsModel();
  const metadata = { name: 'dns', namespace: 'default' };
  const ports = [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: 30_053 }];
  const ips = { clusterIP: DNS_VIP, clusterIPs: [DNS_VIP], externalIPs: ['203.0.113.80'] };
  const spec = { type: 'NodePort', ...ips, ipFamilies: ['IPv4'], ports };
  const object = { apiVersion: 'v1', kind: 'Service', metadata, spec };
  model.apply({ type: 'upsert', resource: 'Service', object });
  return model;
}

describe('frontends that an earlier process has recorded', () => {
  /** A process that syncs nothing any more, after one with `exposedModel` has left `file`. */
  async function restart(errors: readonly NetlinkError[] = []) {
    const file = memoryFile();
    await world({ model: exposedModel(), file });
    const model = dnsModel();
    model.apply(GONE);
    const begin = (next: Awaited<ReturnType<typeof world>>): void => {
      next.flowTo(DNS_VIP, '10.244.1.61');
      next.flowTo('203.0.113.80', '10.244.1.62');
      next.flowTo('192.0.2.10', '10.244.1.5', 30_053);
      next.flowTo('192.0.2.10', '10.88.0.2', 9053);
    };
    const next = await world({ model, file, errors: [BUSY, ...errors] });
    begin(next);
    return { ...next, file };
  }

  it('S47: flows to those that are gone are deleted: node ports, external IPs, cluster IPs without a range', async () => {
    const { left, pass, file } = await restart();
    await pass(2000);
    expect(left()).toEqual(['10.88.0.2']);
    await pass(2000);
    expect(file.texts.at(-1)).toBe('{"version":1,"servicePorts":[]}\n');
  });

  it('S47: stay recorded until their flows could be looked for', async () => {
    const { left, pass, file } = await restart([BUSY, BUSY]);
    await pass(1500);
    expect(left()).toHaveLength(4);
    expect(file.texts.at(-1)).toContain('203.0.113.80');
    await pass(10_000);
    expect([left(), file.texts.at(-1)?.includes('203.0.113.80')]).toEqual([['10.88.0.2'], false]);
  });

  it('flows to those that are still there stay', async () => {
    const file = memoryFile();
    await world({ model: exposedModel(), file });
    const { flowTo, left, pass } = await world({ model: exposedModel(), file, errors: [BUSY] });
    flowTo('203.0.113.80', '10.244.1.5');
    flowTo('192.0.2.10', '10.244.1.5', 30_053);
    await pass(5000);
    expect(left()).toEqual(['10.244.1.5']);
  });

  it('are written when they change, and not when endpoints do', async () => {
    const file = memoryFile();
    const { applyEvent, pass } = await world({ file });
    expect(file.texts).toHaveLength(1);
    await applyEvent(dnsSlice('10.244.1.6'));
    await pass(5000);
    expect(file.texts).toHaveLength(1);
    await applyEvent(GONE);
    await pass(5000);
    expect(file.texts).toHaveLength(2);
  });
});

describe('a watch of the kernel that is interrupted', () => {
  it('is logged with its reason, and starts no sync', async () => {
    const { backend, lines, pass } = await world();
    const [syncs, before] = [backend.changes.length, lines.length];
    backend.problem(backendError('unavailable', 'watch kube-ipvs0', 'child.js does not start'));
    await pass(2000);
    expect(backend.changes).toHaveLength(syncs);
    expect(lines.slice(before)).toEqual([
      'W0101 00:00:00.000000       1 signalbox.ts:1] "Detection of changes by other processes is degraded" ' +
        'err="watch kube-ipvs0: child.js does not start (unavailable)" family="IPv4" mode="iptables"\n',
    ]);
  });
});
