/** `/healthz` and `/livez` as they follow the syncs of a running proxy, and which families sync at all. */
import { backendError, NOTHING_DONE, type Family, type SyncResult } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { SYNCED } from './testing/composition.ts';
import { NODE, SERVICE, start, stopAll, synced, upsert, type World } from './testing/proxy-world.ts';

afterEach(stopAll);

const FAILED: SyncResult = {
  ...NOTHING_DONE,
  outcome: 'failed',
  scope: 'full',
  error: backendError('busy', 'iptables-restore', 'the lock is held'),
};

async function opened(before: (world: World) => void = () => undefined): Promise<World> {
  const world = await start();
  before(world);
  upsert(world, 'Node', NODE);
  synced(world, 'Service', 'EndpointSlice', 'Node');
  await world.settle();
  return world;
}

const codes = async (world: World): Promise<readonly number[]> => [
  (await world.get('health', '/healthz')).status,
  (await world.get('health', '/livez')).status,
];

const backend = (world: World, family: Family) => {
  const found = world.parts.backends.get(family);
  if (found === undefined) throw new Error(`no backend for ${family}`);
  return found;
};

describe('health of a running proxy', () => {
  it('F101 F102 F113: is 503 from twice the sync period on while the first sync still runs', async () => {
    let end: (result: SyncResult) => void = () => undefined;
    const world = await opened((each) => {
      backend(each, 'IPv6').answers.push(new Promise((resolve) => (end = resolve)));
    });
    await world.settle(59_500);
    expect(await codes(world)).toEqual([200, 200]);
    await world.settle(500);
    expect(await codes(world)).toEqual([503, 503]);
    await world.settle(288_000);
    expect(await codes(world)).toEqual([503, 503]);
    end(SYNCED);
    await world.settle();
    expect(await codes(world)).toEqual([200, 200]);
  });

  it('F113: is 503 once a sync that nothing changed for has run for twice the sync period', async () => {
    let end: (result: SyncResult) => void = () => undefined;
    const world = await opened();
    backend(world, 'IPv4').answers.push(new Promise((resolve) => (end = resolve)));
    await world.settle(30_000);
    expect(await codes(world)).toEqual([200, 200]);
    await world.settle(60_000);
    expect(await codes(world)).toEqual([503, 503]);
    end(SYNCED);
    await world.settle();
    expect(await codes(world)).toEqual([200, 200]);
  });

  it.each([
    ['fails', FAILED],
    ['throws', new Error('spawn: EMFILE')],
  ])('F113: is 503 once a sync that nothing changed for %s for twice the sync period', async (_, answer) => {
    const world = await opened();
    expect(backend(world, 'IPv4').changes).toHaveLength(1);
    backend(world, 'IPv4').answers.push(...Array.from({ length: 20 }, () => answer));
    await world.settle(30_000);
    expect(await codes(world)).toEqual([200, 200]);
    await world.settle(60_000);
    expect(await codes(world)).toEqual([503, 503]);
    backend(world, 'IPv4').answers.length = 0;
    await world.settle(30_000);
    expect(await codes(world)).toEqual([200, 200]);
  });

  it('F113: stays 200 while every periodic sync succeeds', async () => {
    const world = await opened();
    await world.settle(120_000);
    expect(backend(world, 'IPv4').changes.length).toBeGreaterThan(3);
    expect(await codes(world)).toEqual([200, 200]);
  });
});

describe('families of a running proxy', () => {
  const service = (name: string, families: readonly Family[], addresses: readonly string[]): object => ({
    ...SERVICE,
    metadata: { ...SERVICE.metadata, name },
    spec: { ...SERVICE.spec, clusterIP: addresses[0], clusterIPs: addresses, ipFamilies: families },
  });

  it.each([
    ['both', ['IPv4', 'IPv6'], ['10.96.0.11', 'fd00:96::11'], { IPv4: 1, IPv6: 1 }],
    ['the first only', ['IPv4'], ['10.96.0.11'], { IPv4: 1, IPv6: 0 }],
    ['the second only', ['IPv6'], ['fd00:96::11'], { IPv4: 0, IPv6: 1 }],
  ] as const)(
    'F139: a change that concerns %s is synced by those and no other',
    async (_, families, addresses, syncs) => {
      const world = await opened();
      const count = (family: Family): number => backend(world, family).changes.length;
      const before = { IPv4: count('IPv4'), IPv6: count('IPv6') };
      upsert(world, 'Service', service('other', families, addresses));
      await world.settle(2000);
      expect({ IPv4: count('IPv4') - before.IPv4, IPv6: count('IPv6') - before.IPv6 }).toEqual(syncs);
    },
  );
});
