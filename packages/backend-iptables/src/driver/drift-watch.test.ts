import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeIptables } from '../testing/fake-iptables.ts';
import { createDriftWatch } from './drift-watch.ts';
import type { MonitorHandlers, Variant } from './iptables-driver.ts';

const JUMP = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES';

interface Lab {
  readonly fake: FakeIptables;
  readonly clock: ManualClock;
  readonly heard: string[];
  readonly monitors: MonitorHandlers[];
  readonly stop: () => void;
  readonly phase: { now: 'off' | 'writing' | 'idle'; interval: number };
}

/** Nothing here needs time but the clock. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function lab(variant: Variant, now: Lab['phase']['now'] = 'idle'): Promise<Lab> {
  const fake = createFakeIptables({ family: 'IPv4', variant });
  fake.byOthers(
    `*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n*nat\n:KUBE-SERVICES - [0:0]\n-A PREROUTING ${JUMP}\nCOMMIT\n*filter\n:KUBE-FORWARD - [0:0]\n-A FORWARD -j KUBE-FORWARD\nCOMMIT\n`,
  );
  const clock = createManualClock();
  const heard: string[] = [];
  const monitors: MonitorHandlers[] = [];
  const phase: Lab['phase'] = { now, interval: 30_000 };
  const stop = createDriftWatch({
    driver: {
      ...fake.driver,
      monitor(handlers) {
        monitors.push(handlers);
        return fake.driver.monitor?.(handlers) ?? null;
      },
    },
    timer: clock,
    interval: () => phase.interval,
    phase: () => phase.now,
    isOwn: (table, chain) => table === 'nat' && chain.startsWith('KUBE-'),
    canary: 'KUBE-PROXY-CANARY',
    guarded: () => [
      { table: 'nat', chain: 'PREROUTING', rule: JUMP },
      { table: 'filter', chain: 'FORWARD', rule: '-j KUBE-FORWARD' },
    ],
    onDrift: (what) => heard.push(what),
  });
  await settled();
  return { fake, clock, heard, monitors, stop, phase };
}

async function look({ clock }: Lab): Promise<void> {
  clock.advance(30_000);
  await settled();
}

describe('createDriftWatch', () => {
  it.each(['nft', 'legacy'] as const)('looks for the canary now and then (%s)', async (variant) => {
    const watch = await lab(variant);
    await look(watch);
    expect(watch.heard).toEqual([]);
    // Not by `byOthers`: the monitor would tell.
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    await look(watch);
    expect(watch.heard).toEqual(['chain KUBE-PROXY-CANARY of table mangle is gone']);
    watch.stop();
    expect(watch.clock.pending).toEqual([]);
  });

  it('looks as often as it is told now', async () => {
    const watch = await lab('legacy');
    watch.phase.interval = 1_000;
    await look(watch);
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    watch.clock.advance(1_000);
    await settled();
    expect(watch.heard).toEqual(['chain KUBE-PROXY-CANARY of table mangle is gone']);
    watch.stop();
  });

  it('looks for the jump that everything hangs on', async () => {
    const watch = await lab('legacy');
    watch.fake.kernel.apply('nat', ['-F PREROUTING'], 1);
    await look(watch);
    expect(watch.heard).toEqual(['a rule in PREROUTING of table nat is gone']);
    watch.stop();
  });

  it('has no monitor in the legacy variant', async () => {
    expect((await lab('legacy')).monitors).toEqual([]);
  });

  it('starts no monitor before there is something to guard', async () => {
    const watch = await lab('nft', 'writing');
    watch.clock.advance(10_000);
    await settled();
    expect(watch.monitors).toEqual([]);
    watch.phase.now = 'idle';
    watch.clock.advance(500);
    await settled();
    expect(watch.monitors.length).toBe(1);
    watch.stop();
    expect(watch.clock.pending).toEqual([]);
  });

  it('hears of chains of ours, and asks about rules in chains of others', async () => {
    const watch = await lab('nft');
    watch.fake.byOthers('*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n');
    watch.fake.byOthers('*nat\n-D PREROUTING -j ACCEPT\nCOMMIT\n');
    await settled();
    expect(watch.heard).toEqual([]);
    watch.fake.byOthers(`*nat\n-D PREROUTING ${JUMP}\nCOMMIT\n`);
    await settled();
    watch.fake.byOthers('*nat\n-X KUBE-SERVICES\nCOMMIT\n');
    await settled();
    expect(watch.heard).toEqual([
      'a rule in PREROUTING of table nat is gone',
      'chain KUBE-SERVICES of table nat was changed',
    ]);
    watch.stop();
  });

  it('says nothing while it has nothing to guard', async () => {
    const watch = await lab('nft');
    watch.phase.now = 'off';
    watch.fake.byOthers(`*nat\n-F PREROUTING\nCOMMIT\n*mangle\n-X KUBE-PROXY-CANARY\nCOMMIT\n`);
    await look(watch);
    expect(watch.heard).toEqual([]);
    watch.stop();
  });

  it('hears of removals while a sync writes, but does not look for what may be on its way', async () => {
    const watch = await lab('nft');
    watch.phase.now = 'writing';
    watch.fake.kernel.apply('mangle', ['-X KUBE-PROXY-CANARY'], 1);
    await look(watch);
    expect(watch.heard).toEqual([]);
    watch.fake.byOthers('*nat\n-F KUBE-SERVICES\n-F PREROUTING\nCOMMIT\n');
    await settled();
    expect(watch.heard).toEqual(['a rule in PREROUTING of table nat is gone']);
    watch.stop();
  });

  it('starts a lost monitor anew, with growing pauses, and never gives up', async () => {
    const watch = await lab('nft');
    for (const [index, pause] of [1_000, 5_000, 30_000, 120_000].entries()) {
      watch.monitors[index]?.onLost('gone', 'ended');
      watch.clock.advance(pause - 1);
      await settled();
      expect(watch.monitors.length).toBe(index + 1);
      watch.clock.advance(1);
      await settled();
      expect(watch.monitors.length).toBe(index + 2);
    }
    watch.monitors.at(-1)?.onLost('gone', 'ended');
    watch.clock.advance(119_999);
    await settled();
    expect(watch.monitors.length).toBe(5);
    watch.clock.advance(1);
    await settled();
    expect(watch.monitors.length).toBe(6);
    watch.stop();
    expect(watch.clock.pending).toEqual([]);
  });

  it('begins with the shortest pause again once a monitor has run for a minute', async () => {
    const watch = await lab('nft');
    watch.monitors[0]?.onLost('gone', 'ended');
    watch.clock.advance(1_000);
    await settled();
    watch.clock.advance(60_000);
    await settled();
    watch.monitors[1]?.onLost('gone', 'ended');
    watch.clock.advance(1_000);
    await settled();
    expect(watch.monitors.length).toBe(3);
    watch.stop();
  });

  it('looks at every jump when more was changed at once than the monitor could listen to', async () => {
    const watch = await lab('nft');
    watch.monitors[0]?.onLost('too much', 'overrun');
    watch.clock.advance(100);
    await settled();
    expect(watch.heard).toEqual([]);
    watch.fake.kernel.apply('filter', ['-F FORWARD'], 1);
    watch.monitors[1]?.onLost('too much', 'overrun');
    watch.clock.advance(100);
    await settled();
    expect(watch.heard).toEqual(['a rule in FORWARD of table filter is gone']);
    expect(watch.monitors.length).toBe(3);
    watch.stop();
  });

  it('says nothing any more once it is stopped', async () => {
    const watch = await lab('nft');
    watch.stop();
    watch.fake.byOthers(`*nat\n-F PREROUTING\nCOMMIT\n`);
    watch.clock.advance(60_000);
    await settled();
    expect(watch.heard).toEqual([]);
  });
});
