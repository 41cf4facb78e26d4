/** Verification where the listing of all tables is never completed: chains are listed in pieces. */
import { backendError, fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { IptablesDriver } from '@signalbox/iptables';
import { changeBetween, sampleService, sampleState } from '../testing/sample-state.ts';
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

describe('verification while repeated commits prevent the listing of all tables from completing', () => {
  /** More chains than fit in one piece. */
  const many = sampleState(Array.from({ length: 200 }, (_, index) => sampleService({ index })));
  const beset = async (adapt?: (driver: IptablesDriver) => IptablesDriver): Promise<Lab> => {
    const world = await lab('nft', many, adapt);
    world.saves.answer = { ok: false, error: OVER };
    return world;
  };

  it('lists chains in pieces, finds no difference where rules are as written, and reports no problem', async () => {
    const world = await beset();
    for (let turn = 0; turn < 4; turn++) {
      world.fake.byOthers(HARMLESS);
      await poll(world);
    }
    expect([world.heard, world.problems]).toEqual([[], []]);
    world.fake.byOthers('*nat\n-F KUBE-MARK-MASQ\nCOMMIT\n');
    await poll(world);
    expect(world.heard).toEqual(['chain KUBE-MARK-MASQ of table nat was altered']);
    world.stop();
  });

  it('compares each commit once', async () => {
    let pieces = 0;
    const world = await beset((driver) => ({
      ...driver,
      saveChains(...piece) {
        pieces++;
        return driver.saveChains?.(...piece) ?? Promise.resolve({ ok: true, value: null });
      },
    }));
    world.fake.byOthers(HARMLESS);
    await poll(world);
    const once = pieces;
    await poll(world);
    // A piece of filter, one of mangle, two of nat.
    expect([once, pieces, world.saves.count]).toEqual([4, 4, 1]);
    world.stop();
  });

  it.each(['at once', 'in pieces'])(
    'finds no difference where a full sync wrote while chains were listed %s',
    async (how) => {
      const full = { now: false };
      const syncFirst = async (): Promise<void> => {
        if (!full.now) return;
        full.now = false;
        await world.backend.sync(fullChange(sampleState(SERVICES)));
      };
      const world = await lab('nft', many, (driver) => ({
        ...driver,
        async save(onLine, limit) {
          // Full syncs have no time limit.
          if (limit !== undefined && how === 'in pieces') return { ok: false, error: OVER };
          if (limit !== undefined) await syncFirst();
          return driver.save(onLine, limit);
        },
        async saveChains(...piece) {
          await syncFirst();
          return (await driver.saveChains?.(...piece)) ?? { ok: true, value: null };
        },
      }));
      full.now = true;
      world.fake.byOthers(HARMLESS);
      await poll(world);
      expect([full.now, world.heard, world.problems]).toEqual([false, [], []]);
      world.stop();
    },
  );

  const lastOf = ({ fake }: Lab): string => [...fake.kernel.table('nat').keys()].at(-1) ?? '';

  it.each([
    ['a chain flushed', '-F'],
    ['a rule inserted', '-I'],
  ])('reports %s in the last piece', async (_, command) => {
    const world = await beset();
    const chain = lastOf(world);
    world.fake.byOthers(`*nat\n${command} ${chain}${command === '-I' ? ' -j RETURN' : ''}\nCOMMIT\n`);
    await poll(world);
    expect(world.heard).toEqual([`chain ${chain} of table nat was altered`]);
    world.stop();
  });

  it.each(['FORWARD', 'INPUT', 'OUTPUT'])('reports a jump removed from %s of filter', async (chain) => {
    const world = await beset();
    world.fake.byOthers(`*filter\n-F ${chain}\nCOMMIT\n`);
    await poll(world);
    expect(world.heard).toEqual([`a rule in ${chain} of table filter is gone`]);
    world.stop();
  });

  it('reports no change that a sync writes between pieces, or during one, as a change by another process', async () => {
    const without = sampleState([...many.servicePorts.values()].slice(1));
    const sync = { now: async (): Promise<unknown> => undefined };
    const world = await beset((driver) => ({
      ...driver,
      async saveChains(...piece) {
        const done = await driver.saveChains?.(...piece);
        await sync.now();
        return done ?? { ok: true, value: null };
      },
    }));
    let [from, to] = [many, without];
    sync.now = async () => {
      await world.backend.sync(changeBetween(from, to));
      [from, to] = [to, from];
    };
    world.fake.byOthers(HARMLESS);
    await poll(world);
    expect([world.heard, world.problems]).toEqual([[], []]);
    world.stop();
  });

  it('reports once why a piece cannot be listed, and compares again', async () => {
    const error = backendError('busy', 'iptables-restore', 'out of processes', { kernel: 'unchanged' });
    const broken = { now: true };
    const world = await beset((driver) => ({
      ...driver,
      saveChains: async (...piece) =>
        broken.now ? { ok: false, error } : ((await driver.saveChains?.(...piece)) ?? { ok: false, error }),
    }));
    world.fake.byOthers('*nat\n-F KUBE-MARK-MASQ\nCOMMIT\n');
    await poll(world);
    await poll(world);
    expect([world.heard, world.problems]).toEqual([[], ['out of processes']]);
    broken.now = false;
    await poll(world);
    expect(world.heard).toEqual(['chain KUBE-MARK-MASQ of table nat was altered']);
    world.stop();
  });
});

describe('a listing that does not complete in the legacy variant', () => {
  it('is not repeated in pieces, for which the tool copies the whole table each time', async () => {
    let pieces = 0;
    const world = await lab('legacy', STATE, (driver) => ({
      ...driver,
      saveChains: async () => (pieces++, { ok: true, value: null }),
    }));
    world.saves.answer = { ok: false, error: OVER };
    await world.backend.sync(NOTHING);
    await settled();
    expect([world.saves.count, pieces]).toEqual([1, 0]);
    world.stop();
  });
});
