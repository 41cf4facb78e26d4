import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { type Backend, fullChange, type Inspection } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeNftables, type FakeOptions } from '../testing/fake-nftables.ts';
import { createNftablesBackend } from './nftables-backend.ts';

const WEB = sampleServicePort('IPv4', { index: 1, name: 'web', endpoints: 2, exposed: 'cluster' });
const STICKY = sampleServicePort('IPv4', { index: 2, name: 'sticky', endpoints: 1, affinitySeconds: 60 });

async function synced(options: Partial<FakeOptions> = {}) {
  const fake = createFakeNftables({ family: 'IPv4', ...options });
  const backend = createNftablesBackend({
    family: 'IPv4',
    driver: fake.driver,
    verifier: { ...fake.driver },
  });
  await backend.sync(fullChange(sampleStateOf('IPv4', [WEB, STICKY])));
  return { fake, backend };
}

async function inspected(backend: Backend, key: string) {
  const found = (await backend.inspect?.([key])) as Extract<Inspection, { outcome: 'ok' }>;
  return found.servicePorts.get(key);
}

async function difference(backend: Backend): Promise<readonly string[]> {
  const found = await backend.difference?.();
  return found?.outcome === 'ok' ? found.lines : ['failed'];
}

describe('an inspection of the table', () => {
  it('names the elements of frontends and of endpoints in their slots', async () => {
    const { backend } = await synced();
    const objects = (await inspected(backend, WEB.key))?.objects ?? [];
    const names = objects.map(({ within, name, state }) => `${within}: ${name}: ${state}`);
    expect(names).toContain('service-ips: 10.96.0.1 . tcp . 80: held');
    expect(names).toContain('cluster-endpoints: 10.96.0.1 . tcp . 80 . 1: held');
  });

  it('sums the connections to an endpoint over all frontends', async () => {
    const { fake, backend } = await synced();
    const [first, second] = WEB.clusterEndpoints;
    for (const { set, key } of slotsOf(fake, first?.address ?? '')) fake.count(set, key, 5);
    const frontends = WEB.frontends.length;
    expect((await inspected(backend, WEB.key))?.endpoints).toEqual([
      { address: first?.address, port: 8080, connections: 5 * frontends },
      { address: second?.address, port: 8080, connections: 0 },
    ]);
  });

  it('has no counts where elements do not count, and for services with session affinity', async () => {
    const old = await synced({
      capabilities: { concatenatedIntervals: true, elementCounters: false, clientHash: true },
    });
    expect((await inspected(old.backend, WEB.key))?.endpoints).toEqual([]);
    const { backend } = await synced();
    expect((await inspected(backend, STICKY.key))?.endpoints).toEqual([]);
  });

  it('reports an endpoint as missing if one of its slots is empty or has another endpoint', async () => {
    const { fake, backend } = await synced();
    const [first, second] = WEB.clusterEndpoints.map((each, index) => ({ ...each, weight: 2 - index }));
    const weighted = first === undefined || second === undefined ? [] : [first, second];
    await backend.sync(fullChange(sampleStateOf('IPv4', [{ ...WEB, clusterEndpoints: weighted }])));
    const states = async () =>
      (await inspected(backend, WEB.key))?.objects
        .filter(({ within, name }) => within === 'cluster-endpoints' && name.startsWith('10.96.0.1 '))
        .map(({ state }) => state);
    expect(await states()).toEqual(['held', 'held']);
    const set = 'cluster-endpoints';
    const key = '10.96.0.1 . tcp . 80 . 0';
    fake.byOthers({ kind: 'delete-elements', set, keys: [key] });
    expect(await states()).toEqual(['missing', 'held']);
    const data = `${second?.address} . ${second?.port}`;
    fake.byOthers({ kind: 'add-elements', set, entries: [{ key, data }] });
    expect(await states()).toEqual(['missing', 'held']);
  });

  it('reports the objects of a service port that the kernel refuses as missing', async () => {
    const { backend } = await synced({ refuses: (_, key) => key.startsWith('10.96.0.1 ') });
    const objects = (await inspected(backend, WEB.key))?.objects ?? [];
    expect(objects.filter(({ state }) => state !== 'missing')).toEqual([]);
    expect((await inspected(backend, STICKY.key))?.objects.every(({ state }) => state === 'held')).toBe(true);
  });

  it('fails where the table cannot be read', async () => {
    const faults = { on: false };
    const { backend } = await synced({ faults: (operation) => faults.on && operation === 'observe' });
    faults.on = true;
    expect(await backend.inspect?.(null)).toMatchObject({
      outcome: 'failed',
      error: { operation: 'observe' },
    });
    expect(await backend.difference?.()).toMatchObject({ outcome: 'failed' });
  });
});

function slotsOf(fake: ReturnType<typeof createFakeNftables>, address: string) {
  return [...(fake.table?.sets ?? [])].flatMap(([set, { elements }]) =>
    [...elements].flatMap(([key, data]) => (data.startsWith(`${address} . `) ? [{ set, key }] : [])),
  );
}

describe('the difference of the table', () => {
  it('prints elements that another process deleted, added or changed, grouped by set', async () => {
    const { fake, backend } = await synced();
    const key = '10.96.0.1 . tcp . 80';
    const before = fake.table?.sets.get('service-ips')?.elements.get(key);
    fake.byOthers(
      { kind: 'replace-elements', set: 'service-ips', entries: [{ key, data: 'goto pick/1' }] },
      { kind: 'delete-elements', set: 'cluster-ips', keys: ['10.96.0.1'] },
      { kind: 'add-elements', set: 'cluster-ips', entries: [{ key: '10.96.0.77', data: '' }] },
    );
    expect(await difference(backend)).toEqual([
      '@@ set cluster-ips in table ip kube-proxy @@',
      '-10.96.0.77',
      '+10.96.0.1',
      '@@ map service-ips in table ip kube-proxy @@',
      `-${key} : goto pick/1`,
      `+${key} : ${before}`,
    ]);
  });

  it('prints the rules of an emptied chain, each as often as the chain has it', async () => {
    const { fake, backend } = await synced();
    fake.byOthers({ kind: 'flush-chain', name: 'pick/2' });
    const lines = await difference(backend);
    const pick = 'dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 2 map @cluster-endpoints';
    expect(lines[0]).toBe('@@ chain pick/2 in table ip kube-proxy @@');
    expect(lines.filter((line) => line === `+${pick}`)).toHaveLength(2);
    expect(lines.at(-1)).toBe('+drop');
  });

  it('prints the whole table where it is missing', async () => {
    const { fake, backend } = await synced();
    fake.deleteByOthers();
    const lines = await difference(backend);
    expect(lines).toContain('@@ table ip kube-proxy @@');
    expect(lines).toContain('+type nat hook prerouting priority dstnat; policy accept;');
    expect(lines.every((line) => /^(\+|@@ )/.test(line))).toBe(true);
  });
});
