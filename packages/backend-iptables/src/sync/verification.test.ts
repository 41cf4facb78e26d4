/** Verification beside syncs: what it reports, what it ignores, and how often it runs. */
import { backendError, fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { PROBE, type IptablesDriver } from '@signalbox/iptables';
import { changeBetween, sampleEndpoints, sampleService, sampleState } from '../testing/sample-state.ts';
import {
  HARMLESS,
  lab,
  NOTHING,
  OVER,
  poll,
  SERVICES,
  settled,
  STATE,
  type Lab,
} from '../testing/verification-lab.ts';
import { createIptablesBackend } from './iptables-backend.ts';

const MOVED = sampleService({ index: 3, endpoints: sampleEndpoints(3, 2, 9090) });
const NEXT = sampleState([...SERVICES.filter(({ key }) => key !== MOVED.key), MOVED]);

const unnoticed = ({ fake }: Lab, ...lines: readonly string[]): void =>
  expect(fake.kernel.apply('nat', lines, 1)).toBeNull();

function withoutPieces(driver: IptablesDriver): IptablesDriver {
  const entries = Object.entries(driver).filter(([name]) => name !== 'saveChains');
  return Object.fromEntries(entries) as unknown as IptablesDriver;
}

describe('verification in the nft variant', () => {
  it('does not run for commits of this process', async () => {
    const world = await lab();
    for (const [from, to] of [
      [STATE, NEXT],
      [NEXT, STATE],
    ] as const) {
      await world.backend.sync(changeBetween(from, to));
      await poll(world);
    }
    expect([world.saves.count, world.heard]).toEqual([0, []]);
    world.stop();
  });

  it('runs once for a commit of another process, and reports nothing where rules are as written', async () => {
    const world = await lab();
    world.fake.byOthers(HARMLESS);
    await poll(world);
    await poll(world);
    expect([world.saves.count, world.heard]).toEqual([1, []]);
    world.stop();
  });

  it.each([
    ['a chain flushed', '-F KUBE-MARK-MASQ', 'chain KUBE-MARK-MASQ of table nat was altered'],
    ['a rule inserted', '-I KUBE-MARK-MASQ -j RETURN', 'chain KUBE-MARK-MASQ of table nat was altered'],
    ['a chain added', ':KUBE-SVC-OLD - [0:0]', 'chain KUBE-SVC-OLD of table nat was altered'],
    ['a jump removed', '-F PREROUTING', 'a rule in PREROUTING of table nat is gone'],
    ['another jump removed', '-F OUTPUT', 'a rule in OUTPUT of table nat is gone'],
  ])('reports %s', async (_, line, what) => {
    const world = await lab();
    world.fake.byOthers(`*nat\n${line}\nCOMMIT\n`);
    await poll(world);
    expect(world.heard).toEqual([what]);
    expect(await world.backend.sync(NOTHING)).toMatchObject({ scope: 'full', outcome: 'ok' });
    expect(await world.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    world.stop();
  });

  it('does not report the chain of a search for refused rules as a change by another process', async () => {
    const world = await lab();
    world.fake.byOthers(`*nat\n:${PROBE} - [0:0]\n-A ${PROBE} -j RETURN\nCOMMIT\n`);
    await poll(world);
    expect([world.saves.count, world.heard]).toEqual([1, []]);
    world.stop();
  });

  it('runs for a commit that came during a full sync, after its listing', async () => {
    const world = await lab();
    world.saves.during = async () => world.fake.byOthers('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    await world.backend.sync(fullChange(STATE));
    await poll(world);
    expect(world.heard).toEqual(['chain KUBE-SERVICES of table nat was altered']);
    world.stop();
  });

  it('runs again after a listing that failed, and reports the reason once', async () => {
    const world = await lab();
    const error = backendError('busy', 'iptables-save', 'out of processes', { kernel: 'unchanged' });
    world.saves.answer = { ok: false, error };
    world.fake.byOthers('*nat\n-F KUBE-MARK-MASQ\nCOMMIT\n');
    await poll(world);
    await poll(world);
    expect([world.saves.count, world.heard]).toEqual([2, []]);
    expect(world.problems).toEqual(['out of processes']);
    world.saves.answer = null;
    await poll(world);
    expect(world.heard.length).toBe(1);
    world.stop();
  });

  it('takes a tenth of the time where another process keeps committing', async () => {
    const world = await lab();
    for (let turn = 0; turn < 80; turn++) {
      world.fake.byOthers(HARMLESS);
      // A listing takes half a second.
      world.saves.during = async () => world.clock.advance(500);
      await poll(world);
    }
    // 80 x 250 ms and 500 ms for each: one in 5 s.
    expect(world.saves.count).toBeGreaterThanOrEqual(4);
    expect(world.saves.count).toBeLessThanOrEqual(6);
    world.stop();
  });

  it('limits the time of a listing that syncs prolong, doubles the limit, and reports the third timeout in a row', async () => {
    const world = await lab('nft', STATE, withoutPieces);
    const error = OVER;
    const problems: number[] = [];
    for (const answer of [error, error, error, error, null, error]) {
      world.saves.answer = answer === null ? null : { ok: false, error: answer };
      world.fake.byOthers(HARMLESS);
      await poll(world);
      problems.push(world.problems.length);
    }
    expect(world.saves.limits).toEqual([10_000, 20_000, 40_000, 40_000, 40_000, 10_000]);
    expect([problems, world.heard]).toEqual([[0, 0, 1, 1, 1, 1], []]);
    world.stop();
  });

  it('ends with the watch', async () => {
    const world = await lab();
    world.stop();
    world.fake.byOthers('*nat\n-F KUBE-MARK-MASQ\nCOMMIT\n');
    await poll(world);
    expect([world.saves.count, world.heard, world.clock.pending]).toEqual([0, [], []]);
  });
});

describe('a jump that cannot be queried', () => {
  it('is a problem, and the commit is compared again', async () => {
    const error = backendError('busy', 'iptables', 'out of processes', { kernel: 'unchanged' });
    const broken = { now: false };
    const world = await lab('nft', STATE, (driver) => ({
      ...driver,
      hasRule: async (table, ...rule) =>
        broken.now && table === 'filter' ? { ok: false, error } : driver.hasRule(table, ...rule),
    }));
    world.fake.unlisted.add('filter INPUT');
    broken.now = true;
    world.fake.byOthers('*filter\n-F INPUT\nCOMMIT\n');
    await poll(world);
    expect([world.heard, world.problems]).toEqual([[], ['out of processes']]);
    broken.now = false;
    await poll(world);
    expect(world.heard).toEqual(['a rule in INPUT of table filter is gone']);
    world.stop();
  });
});

describe.each(['nft', 'legacy'] as const)('verification once a period, %s variant', (variant) => {
  it('runs beside the sync that asks for it, and reports changes that no commit count indicated', async () => {
    const world = await lab(variant);
    unnoticed(world, '-F KUBE-MARK-MASQ');
    let end = (): void => undefined;
    world.saves.during = () => new Promise((resolve) => (end = resolve));
    expect(await world.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok', scope: 'none' });
    await settled();
    expect(world.saves.count).toBe(1);
    // A change does not wait for it.
    expect(await world.backend.sync(changeBetween(STATE, NEXT))).toMatchObject({ scope: 'partial' });
    expect(world.heard).toEqual([]);
    end();
    await settled();
    expect(world.heard).toEqual(['chain KUBE-MARK-MASQ of table nat was altered']);
    expect((await world.backend.sync(changeBetween(NEXT, NEXT))).repaired).toEqual([
      { kind: 'altered', type: 'chain', name: 'KUBE-MARK-MASQ', within: 'nat' },
    ]);
    world.stop();
  });

  it('does not report a change written in the meantime as a change by another process', async () => {
    const world = await lab(variant);
    for (const [from, to] of [
      [STATE, NEXT],
      [NEXT, sampleState(SERVICES.slice(1))],
      [sampleState(SERVICES.slice(1)), STATE],
    ] as const) {
      // The listing is from before the write.
      world.saves.during = async () => void (await world.backend.sync(changeBetween(from, to)));
      await world.backend.sync(changeBetween(from, from));
      await settled();
      world.clock.advance(60_000);
      await settled();
    }
    expect(world.saves.count).toBeGreaterThanOrEqual(3);
    expect(world.heard).toEqual([]);
    world.stop();
  });

  it('does not end before a sync that writes while the listing is made', async () => {
    const world = await lab(variant);
    let end = (): void => undefined;
    world.saves.during = () => new Promise((resolve) => (end = resolve));
    await world.backend.sync(NOTHING);
    await settled();
    const writing = world.backend.sync(changeBetween(STATE, NEXT));
    end();
    await writing;
    await settled();
    expect(world.heard).toEqual([]);
    world.stop();
  });

  it('takes a hundredth of the time', async () => {
    const world = await lab(variant);
    for (let turn = 0; turn < 200; turn++) {
      world.saves.during = async () => world.clock.advance(500);
      await world.backend.sync(NOTHING);
      await settled();
      world.clock.advance(1000);
    }
    expect(world.saves.count).toBeGreaterThanOrEqual(4);
    expect(world.saves.count).toBeLessThanOrEqual(5);
    world.stop();
  });

  it('reports no empty chain that stays because a rule of another process jumps to it', async () => {
    const world = await lab(variant);
    const restarted = createIptablesBackend({
      family: 'IPv4',
      driver: world.fake.driver,
      clock: world.clock,
    });
    const heard: string[] = [];
    world.stop();
    world.fake.byOthers(
      '*nat\n:MINE - [0:0]\n-A MINE -j KUBE-MARK-MASQ\n:KUBE-SVC-OLD - [0:0]\n-A MINE -j KUBE-SVC-OLD\nCOMMIT\n',
    );
    const stop = restarted.watch?.((what) => heard.push(what));
    await restarted.sync(fullChange(STATE));
    await restarted.sync(NOTHING);
    await settled();
    world.clock.advance(250);
    await settled();
    expect(heard).toEqual([]);
    stop?.();
  });
});
