import { NOTHING_DONE, type Observation, type SyncResult } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createHealthState } from '../health/health-state.ts';
import { createLogging } from '../logging/logger.ts';
import { recordingBackend, SYNCED } from '../testing/composition.ts';
import { createFirstVerification } from './first-verification.ts';

const INTACT: Observation = { outcome: 'ok', drift: [] };
const ALTERED: Observation = {
  outcome: 'ok',
  drift: [{ kind: 'missing', type: 'chain', name: 'KUBE-SERVICES', within: 'nat' }],
};
const IDLE: SyncResult = { ...NOTHING_DONE, scope: 'none' };

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

/** `kernel.looks` are those under way: each waits for its answer. */
function world({ besideSyncs = true } = {}) {
  const looks: ((seen: Observation | Error) => void)[] = [];
  const backend = {
    ...recordingBackend('IPv4'),
    observesBesideSync: besideSyncs,
    observe: () =>
      new Promise<Observation>((resolve, reject) =>
        looks.push((seen) => (seen instanceof Error ? reject(seen) : resolve(seen))),
      ),
  };
  const health = createHealthState({
    clock: createManualClock(),
    families: ['IPv4'],
    syncPeriod: () => 30_000,
  });
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const asked = { again: 0 };
  const verification = createFirstVerification({ backend, health, logger, again: () => void asked.again++ });
  /** Whether the next sync may start at once. */
  const sync = async (result = SYNCED): Promise<boolean> => {
    verification.syncStarts();
    let isFree = false;
    verification.syncEnded(result).then(
      () => (isFree = true),
      () => undefined,
    );
    await turns();
    return isFree;
  };
  const answer = async (seen: Observation | Error): Promise<void> => {
    looks.shift()?.(seen);
    await turns();
  };
  return { verification, looks, sync, answer, asked, lines, isReady: () => health.notReady().length === 0 };
}

describe('the verification of the first sync', () => {
  it('makes no sync wait, and makes the family ready', async () => {
    const { sync, answer, isReady, looks } = world();
    expect(await sync()).toBe(true);
    expect([looks.length, isReady()]).toEqual([1, false]);
    await answer(INTACT);
    expect(isReady()).toBe(true);
    await sync();
    expect(looks).toHaveLength(0);
  });

  it('is made within the queue of syncs where the backend cannot observe beside one', async () => {
    const { sync, answer, isReady } = world({ besideSyncs: false });
    expect(await sync()).toBe(false);
    await answer(INTACT);
    expect(isReady()).toBe(true);
  });

  it('does not count if a sync wrote in the meantime, and is repeated', async () => {
    const { sync, answer, isReady, looks, lines } = world();
    await sync();
    expect(await sync()).toBe(true);
    await answer(ALTERED);
    expect([isReady(), lines, looks.length]).toEqual([false, [], 1]);
    await answer(INTACT);
    expect(isReady()).toBe(true);
  });

  it('counts if the sync in the meantime wrote nothing', async () => {
    const { sync, answer, isReady } = world();
    await sync();
    await sync(IDLE);
    await answer(INTACT);
    expect(isReady()).toBe(true);
  });

  it('does not count while a sync is under way, and is repeated at its end', async () => {
    const { verification, sync, answer, isReady, looks } = world();
    await sync();
    verification.syncStarts();
    await answer(INTACT);
    expect([isReady(), looks.length]).toEqual([false, 0]);
    await verification.syncEnded(IDLE);
    await answer(INTACT);
    expect(isReady()).toBe(true);
  });

  it('makes the next sync wait after three interruptions, so that it comes to an end among constant changes', async () => {
    const { sync, answer, isReady } = world();
    await sync();
    for (let interruption = 0; interruption < 3; interruption++) {
      expect(await sync()).toBe(true);
      await answer(ALTERED);
    }
    expect(await sync()).toBe(false);
    await answer(ALTERED);
    await answer(INTACT);
    expect(isReady()).toBe(true);
  });

  it('asks for another sync if the kernel holds something else, five looks in all', async () => {
    const { sync, answer, isReady, asked, lines } = world();
    for (let look = 0; look < 7; look++) {
      await sync();
      await answer(ALTERED);
    }
    expect([isReady(), asked.again, lines.length]).toEqual([false, 4, 7]);
    expect(lines[0]).toContain('First sync not verified in the kernel yet; not ready');
    expect(lines[0]).toContain('KUBE-SERVICES');
  });

  it('reports an exception of the backend, and is repeated', async () => {
    const { sync, answer, isReady, lines, asked } = world();
    await sync();
    await answer(new Error('bug'));
    expect([lines.length, asked.again]).toEqual([1, 1]);
    expect(lines[0]).toContain('bug');
    await sync();
    await answer(INTACT);
    expect(isReady()).toBe(true);
  });

  it('does not follow a sync that failed', async () => {
    const { sync, looks } = world();
    await sync({ ...SYNCED, outcome: 'failed' });
    expect(looks).toHaveLength(0);
  });

  it('reports nothing after its end', async () => {
    const { verification, sync, answer, lines, asked } = world();
    await sync();
    verification.stop();
    await answer(ALTERED);
    expect([lines, asked.again]).toEqual([[], 0]);
  });
});
