/** Behaviour after the first failure: waits, their end, and the requests to each server. */
import { afterEach, describe, expect, it } from 'vitest';

import type { FaultAction } from '../testing/index.ts';
import { createStage, isList, isWatch, service, type Watching } from '../testing/stage.ts';

const stage = createStage();
afterEach(() => stage.close());

const FAILS: FaultAction = { do: 'answer', status: 500 };

/** Waits until so many reflectors wait for this long, and lets the time pass. */
async function sitOut({ clock }: Watching, delayMs: number, reflectors = 1): Promise<void> {
  const waiting = (): boolean => clock.pending.filter((t) => t.delayMs === delayMs).length === reflectors;
  await clock.waitForTimer(waiting);
  clock.advance(delayMs);
}

describe('a reflector whose server fails', () => {
  it('waits longer each time, but never longer than 30 s', async () => {
    const server = await stage.serve();
    server.fault({ action: FAILS });
    const watching = stage.watch([server], { lists: 'listed' });
    // With the jitter that random() = 0.5 gives.
    for (const ms of [1_200, 2_400, 4_800, 9_600, 19_200, 22_500, 22_500, 22_500]) {
      await sitOut(watching, ms, 4);
    }
  });

  it('begins with the shortest wait again after a watch that delivered an event', async () => {
    const server = await stage.serve();
    const failing = { action: FAILS, when: isWatch('/services') };
    server.fault({ ...failing, times: 2 });
    const watching = stage.watch([server], { lists: 'listed' });
    for (const ms of [1_200, 2_400]) await sitOut(watching, ms);
    server.put(service('a'));
    await watching.recorder.until(() => watching.recorder.objects.size === 1);
    server.fault(failing);
    server.watches.end();
    // The other three watches ended within 10 s without an event.
    await sitOut(watching, 1_200, 4);
    await sitOut(watching, 2_400);
  });

  it('begins with the shortest wait again after a quiet watch of 10 s', async () => {
    const server = await stage.serve();
    const failing = { action: FAILS, when: isWatch('/services') };
    server.fault({ ...failing, times: 2 });
    const watching = stage.watch([server], { lists: 'listed' });
    for (const ms of [1_200, 2_400]) await sitOut(watching, ms);
    await watching.watched();
    watching.clock.advance(10_000);
    server.fault(failing);
    const again = server.requests.next(isWatch('/services'));
    server.watches.end();
    await again;
    await sitOut(watching, 1_200);
  });

  it('keeps its waits after a list: the watch that follows may be refused each time', async () => {
    const server = await stage.serve();
    const tooOld: FaultAction = { do: 'answer', status: 410 };
    server.fault({ action: tooOld, when: isWatch('/services') });
    const watching = stage.watch([server], { lists: 'listed' });
    // The first is followed by a list at once.
    for (const ms of [2_400, 4_800, 9_600]) await sitOut(watching, ms);
  });
});

describe('a reflector whose server lags behind', () => {
  const LAGS: FaultAction = {
    do: 'answer',
    status: 504,
    message: 'Too large resource version: 9, current: 3',
  };

  it('requests the same watch twice more before it lists', async () => {
    const server = await stage.serve();
    server.fault({ action: LAGS, when: isWatch('/services'), times: 3 });
    const watching = stage.watch([server], { lists: 'listed' });
    for (const ms of [1_200, 2_400]) await sitOut(watching, ms);
    expect(server.requests.all.filter(isList('/services'))).toHaveLength(1);
    const relisted = server.requests.next(isList('/services'));
    await sitOut(watching, 4_800);
    // From etcd: a cache may lag behind once more.
    expect((await relisted).query.get('resourceVersion')).toBeNull();
  });

  it('goes on where it was when the server has caught up', async () => {
    const server = await stage.serve();
    server.fault({ action: LAGS, when: isWatch('/services'), times: 2 });
    const watching = stage.watch([server], { lists: 'listed' });
    for (const ms of [1_200, 2_400]) await sitOut(watching, ms);
    await watching.watched();
    server.put(service('a'));
    await watching.recorder.until(() => watching.recorder.objects.size === 1);
    expect(server.requests.all.filter(isList('/services'))).toHaveLength(1);
  });
});
