import type { SyncResult } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { SYNCED } from '../testing/composition.ts';
import { NODE, start, stopAll, synced, upsert } from '../testing/proxy-world.ts';

afterEach(stopAll);

describe('the end of the sync loops', () => {
  it('leaves no timer, although a family syncs while the last sync of another one is awaited', async () => {
    const world = await runningProxy();
    const { parts } = world;
    const [first, second] = [parts.backends.get('IPv4'), parts.backends.get('IPv6')];
    let end: (result: SyncResult) => void = () => undefined;
    first?.answers.push(new Promise((resolve) => (end = resolve)));
    first?.drift('a rule');
    await world.settle();
    const stopped = world.proxy.stop();
    await world.settle();
    const syncs = second?.changes.length ?? 0;
    second?.drift('a rule');
    await world.settle();
    expect(second?.changes).toHaveLength(syncs + 1);
    end(SYNCED);
    await stopped;
    expect(parts.manualClock.pending).toEqual([]);
  });
});

async function runningProxy() {
  const world = await start();
  upsert(world, 'Node', NODE);
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
  await world.settle(5000);
  return world;
}
