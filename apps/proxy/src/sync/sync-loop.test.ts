import {
  backendError,
  createModel,
  NOTHING_DONE,
  type Built,
  type DesiredChange,
  type SyncResult,
} from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { recordingBackend, SYNCED } from '../testing/composition.ts';
import { createSyncLoop, type SyncReport } from './sync-loop.ts';

const FAILED: SyncResult = {
  ...NOTHING_DONE,
  outcome: 'failed',
  error: backendError('busy', 'iptables-restore', 'the lock is held'),
};

/** A loop over a recording backend; `starts` are the times of its syncs in ms since the beginning. */
function world(periods = { syncPeriod: 30_000, minSyncPeriod: 1000 }) {
  const clock = createManualClock();
  const begin = clock.now();
  const lines: string[] = [];
  const logging = createLogging(
    { format: 'text', verbosity: 2, vmodule: [] },
    { write: (line) => lines.push(line), now: () => clock.now(), pid: 1 },
  );
  const backend = recordingBackend('IPv4');
  const starts: number[] = [];
  const reports: SyncReport[] = [];
  const state = { queued: 0, rebuilds: 0, triggers: [] as number[] };
  const model = createModel({
    nodeName: 'node-a',
    localDetection: { mode: 'ClusterCIDR', cidrs: [] },
    masqueradeAll: false,
    nodePortAddresses: [],
    localhostNodePorts: false,
    externalIPs: true,
    nodeIPOverride: null,
  });
  const note = (built: Built): Built => {
    starts.push(clock.now() - begin);
    return { ...built, triggerTimes: state.triggers.splice(0) };
  };
  const loop = createSyncLoop({
    backend,
    clock,
    logger: logging.logger,
    periods: () => periods,
    build: () => note(model.build('IPv4')),
    rebuild: () => {
      state.rebuilds += 1;
      return note(model.rebuild('IPv4'));
    },
    onQueued: () => (state.queued += 1),
    onReport: (report) => void reports.push(report),
  });
  /** Moves time on in small steps, letting promises settle between them. */
  const advance = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed <= milliseconds; passed += 100) {
      clock.advance(passed === 0 ? 0 : 100);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  };
  return { loop, backend, advance, starts, reports, state, lines, clock };
}

describe('the sync loop', () => {
  it('F138: syncs at once when it starts, with a full change', async () => {
    const { loop, backend, advance, starts } = world();
    loop.start();
    await advance(100);
    expect(starts).toEqual([0]);
    expect(backend.changes.map(({ kind }) => kind)).toEqual(['full']);
  });

  it('F138: looks once in a sync period, however much there is to do', async () => {
    const { loop, backend, advance, lines } = world({ syncPeriod: 10_000, minSyncPeriod: 1000 });
    loop.start();
    await advance(100);
    for (let change = 0; change < 35; change++) {
      loop.request('change');
      await advance(900);
    }
    const looks = lines.filter((line) => line.includes('reason="period"'));
    expect(looks).toHaveLength(3);
    expect(backend.changes.length).toBeLessThan(45);
  });

  it('goes on at once when the clock is set back', async () => {
    const { loop, advance, starts, clock } = world();
    loop.start();
    await advance(5_000);
    clock.setBack(3_600_000);
    loop.request('change');
    await advance(1_100);
    expect(starts).toHaveLength(2);
    await advance(30_000);
    expect(starts).toHaveLength(3);
  });

  it('F138: does nothing before it is started, however often it is asked', async () => {
    const { loop, advance, starts } = world();
    loop.request('a');
    loop.request('b');
    await advance(5000);
    expect(starts).toEqual([]);
  });

  it('F138: many requests become one sync, a minimum period after the end of the last', async () => {
    const { loop, advance, starts } = world();
    loop.start();
    await advance(200);
    for (let i = 0; i < 50; i++) loop.request('change');
    await advance(3000);
    expect(starts).toEqual([0, 1000]);
  });

  it('F138: the minimum period counts from the end of a sync, not from its start', async () => {
    const { loop, backend, advance, starts } = world();
    let finish = (): void => undefined;
    const sync = (change: DesiredChange): Promise<SyncResult> => {
      backend.changes.push(change);
      return new Promise((resolve) => (finish = () => resolve(SYNCED)));
    };
    Object.assign(backend, { sync });
    loop.start();
    await advance(2500);
    loop.request('change');
    await advance(500);
    finish();
    await advance(900);
    expect(starts).toEqual([0]);
    await advance(200);
    expect(starts).toEqual([0, 4000]);
  });

  it('reports whether something waits that was asked for while the sync ran', async () => {
    const { loop, backend, advance, reports } = world();
    let finish = (): void => undefined;
    const first = new Promise<SyncResult>((resolve) => (finish = () => resolve(SYNCED)));
    const sync = ({ kind }: DesiredChange): Promise<SyncResult> =>
      kind === 'full' ? first : Promise.resolve(SYNCED);
    Object.assign(backend, { sync });
    loop.start();
    await advance(100);
    loop.request('change');
    finish();
    await advance(1100);
    expect(reports.map(({ morePending }) => morePending)).toEqual([true, false]);
  });

  it('F24 F138: a minimum period of zero syncs at once on each change', async () => {
    const { loop, advance, starts } = world({ syncPeriod: 30_000, minSyncPeriod: 0 });
    loop.start();
    await advance(300);
    loop.request('change');
    await advance(300);
    expect(starts).toEqual([0, 300]);
  });

  it('F138: without any change it syncs every sync period, with an empty change', async () => {
    const { loop, backend, advance, starts } = world();
    loop.start();
    await advance(95_000);
    expect(starts).toEqual([0, 30_000, 60_000, 90_000]);
    expect(backend.changes.slice(1).every(({ kind }) => kind === 'incremental')).toBe(true);
  });

  it('a failed sync is tried again after 1, 2, 4 ... seconds, at most the sync period', async () => {
    const { loop, backend, advance, starts, lines } = world();
    backend.answers.push(FAILED, FAILED, FAILED, FAILED, FAILED, FAILED, FAILED);
    loop.start();
    await advance(95_000);
    expect(starts).toEqual([0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000]);
    expect(lines.find((line) => line.startsWith('E'))).toContain('iptables-restore: the lock is held (busy)');
  });

  it('a retry is never sooner than the minimum period, and success ends the back-off', async () => {
    const { loop, backend, advance, starts } = world({ syncPeriod: 30_000, minSyncPeriod: 5000 });
    backend.answers.push(FAILED, SYNCED, FAILED);
    loop.start();
    await advance(45_000);
    expect(starts).toEqual([0, 5000, 35_000, 40_000]);
  });

  it('a change during the back-off is synced after the minimum period', async () => {
    const { loop, backend, advance, starts } = world();
    backend.answers.push(FAILED, FAILED, FAILED, SYNCED);
    loop.start();
    await advance(3100);
    loop.request('change');
    await advance(1500);
    expect(starts).toEqual([0, 1000, 3000, 4000]);
  });

  it('a change after a sync that found nothing to write is synced at once', async () => {
    const { loop, backend, advance, starts } = world();
    backend.answers.push(SYNCED, NOTHING_DONE, SYNCED);
    loop.start();
    await advance(30_200);
    loop.request('change');
    await advance(100);
    expect(starts).toEqual([0, 30_000, 30_200]);
    loop.request('change');
    await advance(5000);
    expect(starts).toEqual([0, 30_000, 30_200, 31_200]);
  });

  it('failures of syncs for changes do not each double the wait for the next retry', async () => {
    const { loop, backend, advance, starts } = world();
    backend.answers.push(...Array.from({ length: 9 }, () => FAILED));
    loop.start();
    for (let second = 0; second < 8; second++) {
      await advance(500);
      loop.request('change');
      await advance(500);
    }
    const tried = starts.length;
    expect(starts.at(-1)).toBe(8000);
    await advance(9100);
    expect(starts.slice(tried)).toEqual([17_000]);
  });

  it('a partial success is reported and tried again', async () => {
    const { loop, backend, advance, starts, lines } = world();
    const error = backendError('rejected', 'IPVS_CMD_NEW_SERVICE', 'no such scheduler');
    backend.answers.push({
      ...SYNCED,
      outcome: 'partial',
      failures: [{ key: 'default/a:b', error }],
    });
    loop.start();
    await advance(1500);
    expect(starts).toEqual([0, 1000]);
    expect(lines.join('')).toContain('no such scheduler');
  });

  it('F138: an exception is logged with its stack; the loop goes on and starts anew', async () => {
    const { loop, backend, advance, starts, state, lines } = world();
    backend.answers.push(new Error('boom'));
    loop.start();
    await advance(1500);
    expect(starts).toEqual([0, 1000]);
    expect(state.rebuilds).toBe(1);
    expect(backend.changes.map(({ kind }) => kind)).toEqual(['full', 'full']);
    expect(lines.join('')).toMatch(/boom[\s\S]*at .*sync-loop\.test/);
    expect(state.queued).toBe(1);
  });

  it('F153 S53: trigger times of a failed sync count when a later one succeeds', async () => {
    const { loop, backend, advance, reports, state } = world();
    state.triggers.push(17);
    backend.answers.push(FAILED, SYNCED);
    loop.start();
    await advance(1500);
    expect(reports.map(({ triggerTimes }) => triggerTimes)).toEqual([[17], [17]]);
    await advance(30_000);
    expect(reports.at(-1)?.triggerTimes).toEqual([]);
  });

  it('F153 S53: trigger times of a sync that succeeded in part are not counted again', async () => {
    const { loop, backend, advance, reports, state } = world();
    state.triggers.push(17);
    backend.answers.push({ ...SYNCED, outcome: 'partial' }, SYNCED);
    loop.start();
    await advance(1500);
    expect(reports.map(({ triggerTimes }) => triggerTimes)).toEqual([[17], []]);
  });

  it('F23: changed periods count for the wait that is under way', async () => {
    const periods = { syncPeriod: 30_000, minSyncPeriod: 10_000 };
    const { loop, advance, starts } = world(periods);
    loop.start();
    await advance(100);
    periods.minSyncPeriod = 500;
    loop.request('configuration changed');
    await advance(1000);
    expect(starts).toEqual([0, 500]);
  });

  it('stops: a sync that runs is waited for, none follows', async () => {
    const { loop, advance, starts } = world();
    loop.start();
    await advance(100);
    await loop.stop();
    loop.request('change');
    await advance(60_000);
    expect(starts).toEqual([0]);
  });
});
