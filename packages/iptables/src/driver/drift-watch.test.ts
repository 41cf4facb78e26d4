import { backendError } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeIptables } from '../testing/fake-iptables.ts';
import { createDriftWatch } from './drift-watch.ts';
import type { Variant } from './iptables-driver.ts';
import type { OtherCommits } from './other-commits.ts';

const JUMP = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES';

interface Lab {
  readonly fake: FakeIptables;
  readonly clock: ManualClock;
  readonly reported: string[];
  /** Numbers of commits reported, and problems. */
  readonly counted: number[];
  readonly problems: string[];
  /** Replaces the fake's count. */
  readonly answer: { now: OtherCommits | null; asked: number };
  readonly stop: () => void;
  readonly phase: { now: 'off' | 'writing' | 'idle'; interval: number };
}

/** Waits for everything that needs no timer. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function lab(variant: Variant, now: Lab['phase']['now'] = 'idle'): Promise<Lab> {
  const fake = createFakeIptables({ family: 'IPv4', variant });
  fake.byOthers(
    `*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n*nat\n:KUBE-SERVICES - [0:0]\n-A PREROUTING ${JUMP}\nCOMMIT\n*filter\n:KUBE-FORWARD - [0:0]\n-A FORWARD -j KUBE-FORWARD\nCOMMIT\n`,
  );
  const clock = createManualClock();
  const reported: string[] = [];
  const [counted, problems]: [number[], string[]] = [[], []];
  const answer: Lab['answer'] = { now: null, asked: 0 };
  const phase: Lab['phase'] = { now, interval: 30_000 };
  const counts = async (): Promise<OtherCommits> =>
    (await fake.driver.otherCommits?.()) ?? { kind: 'writing' };
  const stop = createDriftWatch({
    driver: {
      ...fake.driver,
      otherCommits() {
        answer.asked++;
        return answer.now === null ? counts() : Promise.resolve(answer.now);
      },
    },
    clock,
    interval: () => phase.interval,
    phase: () => phase.now,
    canary: 'KUBE-PROXY-CANARY',
    guarded: () => [
      { table: 'nat', chain: 'PREROUTING', rule: JUMP },
      { table: 'filter', chain: 'FORWARD', rule: '-j KUBE-FORWARD' },
    ],
    onDrift: (what) => reported.push(what),
    onCommits: (total) => counted.push(total),
    onProblem: ({ message }) => problems.push(message),
  });
  await settled();
  return { fake, clock, reported, counted, problems, answer, stop, phase };
}

/** A quarter of a second. */
async function poll({ clock }: Lab): Promise<void> {
  clock.advance(250);
  await settled();
}

async function look({ clock }: Lab): Promise<void> {
  clock.advance(30_000);
  await settled();
}

describe('createDriftWatch', () => {
  it.each(['nft', 'legacy'] as const)('checks for the canary at intervals (%s)', async (variant) => {
    const watch = await lab(variant);
    await look(watch);
    expect(watch.reported).toEqual([]);
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    await look(watch);
    expect(watch.reported).toEqual(['chain KUBE-PROXY-CANARY of table mangle is gone']);
    watch.stop();
    expect(watch.clock.pending).toEqual([]);
  });

  it('checks at the current interval', async () => {
    const watch = await lab('legacy');
    watch.phase.interval = 1_000;
    await look(watch);
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    watch.clock.advance(1_000);
    await settled();
    expect(watch.reported).toEqual(['chain KUBE-PROXY-CANARY of table mangle is gone']);
    watch.stop();
  });

  it('checks for the jump on which all services depend', async () => {
    const watch = await lab('legacy');
    watch.fake.kernel.apply('nat', ['-F PREROUTING'], 1);
    await look(watch);
    expect(watch.reported).toEqual(['a rule in PREROUTING of table nat is gone']);
    watch.stop();
  });

  it('does not count commits in the legacy variant', async () => {
    const watch = await lab('legacy');
    await look(watch);
    expect(watch.answer.asked).toBe(0);
    watch.stop();
  });

  it('reports the commits of other processes four times a second (nft)', async () => {
    const watch = await lab('nft');
    expect(watch.counted).toEqual([1]);
    watch.fake.byOthers('*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n');
    await poll(watch);
    await poll(watch);
    expect(watch.counted).toEqual([1, 2, 2]);
    watch.stop();
    expect(watch.clock.pending).toEqual([]);
  });

  it('counts no commits while there is nothing to guard, and resumes later', async () => {
    const watch = await lab('nft', 'off');
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    await look(watch);
    expect([watch.reported, watch.counted]).toEqual([[], []]);
    watch.phase.now = 'writing';
    await poll(watch);
    expect(watch.counted).toEqual([1]);
    watch.stop();
    expect(watch.clock.pending).toEqual([]);
  });

  it('does not check for chains and jumps that a running sync may be about to write', async () => {
    const watch = await lab('nft');
    watch.phase.now = 'writing';
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    await look(watch);
    expect(watch.reported).toEqual([]);
    watch.stop();
  });

  const MEANWHILE: readonly (readonly [what: string, change: (watch: Lab) => void])[] = [
    ['a sync has begun', ({ phase }) => void (phase.now = 'writing')],
    ['the rules are known to be altered', ({ phase }) => void (phase.now = 'off')],
    ['it was stopped', ({ stop }) => stop()],
  ];
  it.each(MEANWHILE)('reports nothing if during the query %s', async (_, change) => {
    const watch = await lab('legacy');
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    watch.clock.advance(30_000);
    change(watch);
    await settled();
    expect(watch.reported).toEqual([]);
    watch.stop();
    await settled();
    expect(watch.clock.pending).toEqual([]);
  });

  it('queries again while this process writes, and reports nothing in the meantime', async () => {
    const watch = await lab('nft');
    watch.answer.now = { kind: 'writing' };
    await poll(watch);
    watch.answer.now = { kind: 'counted', total: 9 };
    await poll(watch);
    expect(watch.counted).toEqual([1, 9]);
    watch.stop();
  });

  it('reports why commits cannot be counted, and continues to query', async () => {
    const watch = await lab('nft');
    for (const reason of ['EPERM', 'closed']) {
      watch.answer.now = { kind: 'unavailable', error: backendError('rejected', 'NFT_MSG_GETGEN', reason) };
      await poll(watch);
    }
    expect(watch.problems).toEqual(['EPERM', 'closed']);
    watch.answer.now = null;
    await poll(watch);
    expect(watch.counted).toEqual([1, 1]);
    watch.stop();
    expect(watch.clock.pending).toEqual([]);
  });

  it('reports nothing once it is stopped', async () => {
    const watch = await lab('nft');
    watch.stop();
    watch.fake.byOthers(`*nat\n-F PREROUTING\nCOMMIT\n`);
    watch.clock.advance(60_000);
    await settled();
    expect(watch.reported).toEqual([]);
  });
});
