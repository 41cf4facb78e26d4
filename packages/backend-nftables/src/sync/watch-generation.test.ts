import { backendError, fail, fullChange } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createOwnCommits } from '../driver/own-commits.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { createFakeNftables } from '../testing/fake-nftables.ts';
import { startLab, stateOf, type Lab } from '../testing/lab.ts';
import { createNftablesBackend } from './nftables-backend.ts';

const STATE = stateOf([{ endpoints: 3 }, { endpoints: 3, exposed: 'cluster' }]);
const MORE = stateOf([{ endpoints: 4 }, { endpoints: 3, exposed: 'cluster' }]);

interface Watched extends Lab {
  readonly clock: ManualClock;
  readonly reports: string[];
  readonly stop: () => void;
  /** Lets one poll come and end. */
  readonly poll: () => Promise<void>;
}

async function watched({ counts = true, ownCommits = createOwnCommits() } = {}): Promise<Watched> {
  const clock = createManualClock();
  const lab = await startLab(STATE, { counts, backend: { clock, ownCommits } });
  const reports: string[] = [];
  const stop = lab.backend.watch?.((what) => reports.push(what)) ?? (() => undefined);
  const poll = async (): Promise<void> => {
    clock.advance(250);
    await clock.waitForTimer(() => true);
  };
  return { ...lab, clock, reports, stop, poll };
}

/** An element taken away and another one added: the count is the same. */
function exchangeElement({ fake }: Lab): void {
  fake.byOthers(
    { kind: 'delete-elements', set: 'cluster-ips', keys: ['10.96.0.0'] },
    { kind: 'add-elements', set: 'cluster-ips', entries: [{ key: '10.96.9.9', data: '' }] },
  );
}

describe('the watch', () => {
  it('asks for the generation alone as long as nothing is committed', async () => {
    const { poll, calls, reports } = await watched();
    for (let round = 0; round < 20; round++) await poll();
    expect(calls).toEqual({ commit: 0, structure: 0, observe: 0, generation: 20 });
    expect(reports).toEqual([]);
  });

  it('polls at the multiples of its interval, so that two families that started apart poll together', async () => {
    const clock = createManualClock();
    const waits: number[] = [];
    for (const started of [0, 40, 130]) {
      clock.advance(started);
      const { backend } = await startLab(STATE, { backend: { clock } });
      const stop = backend.watch?.(() => undefined);
      waits.push(...clock.pending.map(({ dueAt }) => dueAt % 250));
      stop?.();
    }
    expect(waits).toEqual([0, 0, 0]);
  });

  it('reports a chain, a rule or an element that another process took away, within one poll', async () => {
    for (const damage of [
      { kind: 'flush-chain', name: 'services' },
      { kind: 'delete-elements', set: 'cluster-ips', keys: ['10.96.0.0'] },
    ] as const) {
      const { poll, fake, reports, again } = await watched();
      fake.byOthers(damage);
      await poll();
      expect(reports).toEqual(['table ip kube-proxy']);
      expect((await again()).repaired).not.toEqual([]);
      await poll();
      expect(reports).toHaveLength(1);
    }
  });

  it('reports a table that is gone', async () => {
    const { poll, fake, reports } = await watched();
    fake.deleteByOthers();
    await poll();
    expect(reports).toEqual(['table ip kube-proxy']);
  });

  it('looks once for each commit to another table, and reads all elements once', async () => {
    const { poll, fake, calls, reports } = await watched();
    fake.byOthers();
    for (let round = 0; round < 20; round++) await poll();
    expect(calls).toMatchObject({ structure: 1, observe: 1 });
    expect(reports).toEqual([]);
  });

  it.each([true, false])(
    'finds an element that was exchanged for another, where the kernel counts them: %s',
    async (counts) => {
      const lab = await watched({ counts });
      exchangeElement(lab);
      await lab.poll();
      expect(lab.reports).toEqual(['table ip kube-proxy']);
    },
  );

  it.each(['an empty change', 'a change'])(
    'finds it also where %s was synced before the poll',
    async (kind) => {
      const lab = await watched();
      exchangeElement(lab);
      expect((await (kind === 'a change' ? lab.change(MORE) : lab.again())).repaired).toEqual([]);
      await lab.poll();
      expect(lab.reports).toEqual(['table ip kube-proxy']);
    },
  );

  it('finds what another process did between a commit of this one and the look behind it', async () => {
    const lab = await watched();
    lab.beforeLook.push(() => lab.fake.byOthers({ kind: 'flush-chain', name: 'services' }));
    // With a new chain: the structure is read anew.
    expect((await lab.change(stateOf([{ endpoints: 3 }, { exposed: 'local' }]))).outcome).toBe('ok');
    expect(lab.beforeLook).toEqual([]);
    await lab.poll();
    expect(lab.reports).toEqual(['table ip kube-proxy']);
  });

  it('finds an element that is gone where the kernel does not count them', async () => {
    const { poll, fake, reports } = await watched({ counts: false });
    fake.byOthers({ kind: 'delete-elements', set: 'cluster-ips', keys: ['10.96.0.0'] });
    await poll();
    expect(reports).toEqual(['table ip kube-proxy']);
  });

  it('reads all elements again after a listing that failed', async () => {
    const clock = createManualClock();
    const failing = { left: 1 };
    const fails = (driver: NftablesDriver): NftablesDriver => ({
      ...driver,
      observe: (...reading) =>
        failing.left-- > 0
          ? Promise.resolve(fail(backendError('busy', 'NFT_MSG_GETSETELEM', 'ENOBUFS')))
          : driver.observe(...reading),
    });
    const lab = await startLab(STATE, { backend: { clock }, verifier: fails });
    const reports: string[] = [];
    lab.backend.watch?.((what) => reports.push(what));
    exchangeElement(lab);
    for (let round = 0; round < 4 && reports.length === 0; round++) {
      clock.advance(250);
      await clock.waitForTimer(() => true);
    }
    expect(reports).toEqual(['table ip kube-proxy']);
    expect(failing.left).toBeLessThan(0);
  });

  it('does not take its own elements for those of others, when others commit to another table after them', async () => {
    const { poll, change, fake, reports, calls } = await watched();
    expect(
      (await change(stateOf([{ endpoints: 3 }, { endpoints: 3, exposed: 'cluster' }, { endpoints: 1 }])))
        .outcome,
    ).toBe('ok');
    fake.byOthers();
    await poll();
    expect(reports).toEqual([]);
    expect(calls.observe).toBeLessThanOrEqual(1);
  });

  it('spends a hundredth of the time at most on reading elements, however often others commit', async () => {
    const clock = createManualClock();
    const slowly = (driver: NftablesDriver): NftablesDriver => ({
      ...driver,
      observe: (...reading) => (clock.advance(50), driver.observe(...reading)),
    });
    const lab = await startLab(STATE, { backend: { clock }, verifier: slowly });
    lab.backend.watch?.(() => undefined);
    const started = clock.now();
    while (clock.now() - started < 60_000) {
      lab.fake.byOthers();
      clock.advance(250);
      await clock.waitForTimer(() => true);
    }
    expect(lab.calls.observe).toBeGreaterThanOrEqual(10);
    expect(lab.calls.observe).toBeLessThanOrEqual(13);
  });

  it.each([
    ['consistent', 0],
    ['interrupted', 1],
  ] as const)('reads all elements again after a %s listing by a sync: %i times', async (quality, times) => {
    const clock = createManualClock();
    const { driver: kernel } = createFakeNftables({ family: 'IPv4' });
    const counted = { observations: 0 };
    const observe: NftablesDriver['observe'] = async (...asked) => {
      const observed = await kernel.observe(...asked);
      return observed.ok ? { ok: true, value: { ...observed.value, quality } } : observed;
    };
    const verifier: NftablesDriver = {
      ...kernel,
      observe: (...asked) => (counted.observations++, kernel.observe(...asked)),
    };
    const driver = { ...kernel, observe };
    const backend = createNftablesBackend({ family: 'IPv4', driver, verifier, clock });
    expect((await backend.sync(fullChange(STATE))).outcome).toBe('ok');
    const stop = backend.watch?.(() => undefined);
    for (let round = 0; round < 3; round++) {
      clock.advance(250);
      await clock.waitForTimer(() => true);
    }
    expect(counted.observations).toBe(times);
    stop?.();
  });

  it('does not report its own commits', async () => {
    const { poll, change, reports, calls } = await watched();
    for (const state of [MORE, STATE, MORE, stateOf([{ endpoints: 0 }, { endpoints: 40 }]), STATE]) {
      expect((await change(state)).outcome).toBe('ok');
      await poll();
    }
    expect(reports).toEqual([]);
    expect(calls.observe).toBe(0);
  });

  it.each(['after the poll read the generation', 'before, and its answer is late'])(
    'does not look for what the other family commits during a poll: %s',
    async (when) => {
      const ownCommits = createOwnCommits();
      const { clock, fake, calls } = await watched({ ownCommits });
      const before = await fake.driver.generation();
      if (!before.ok) throw new Error(before.error.message);
      const commitByOtherFamily = (): Promise<void> => {
        fake.byOthers();
        const answer = new Promise((resolve) => setImmediate(resolve));
        return ownCommits.follow(answer.then(() => ownCommits.add(before.value, before.value + 1)));
      };
      const early = when.startsWith('before') ? commitByOtherFamily() : null;
      clock.advance(250);
      await (early ?? commitByOtherFamily());
      await clock.waitForTimer(() => true);
      expect(calls).toEqual({ commit: 0, structure: 0, observe: 0, generation: 1 });
    },
  );

  it('does not look for what the other family of this process committed', async () => {
    const ownCommits = createOwnCommits();
    const { poll, fake, calls, reports } = await watched({ ownCommits });
    for (let round = 0; round < 3; round++) {
      const generation = await fake.driver.generation();
      fake.byOthers();
      if (generation.ok) ownCommits.add(generation.value, generation.value + 1);
      await poll();
    }
    expect(calls).toEqual({ commit: 0, structure: 0, observe: 0, generation: 3 });
    fake.byOthers({ kind: 'flush-chain', name: 'services' });
    await poll();
    expect(reports).toEqual(['table ip kube-proxy']);
  });

  it('reports nothing more, and asks nothing more, once it is stopped', async () => {
    const { stop, clock, fake, calls, reports } = await watched();
    stop();
    fake.deleteByOthers();
    clock.advance(10_000);
    expect(clock.pending).toEqual([]);
    expect(calls.generation).toBe(0);
    expect(reports).toEqual([]);
  });
});
