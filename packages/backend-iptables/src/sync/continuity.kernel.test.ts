/**
 * Connections while the rules change, on the real kernel: streams of TCP connects from a pod to a cluster IP
 * and from outside to a node port, in both families. None may fail, none may reach a wrong endpoint, and no
 * SYN may be lost (a lost one is sent again after a second, which would hide the gap).
 */
import { FAMILIES, type Family } from '@signalbox/core';
import { runCommand, type Streams } from '@signalbox/netns';
import { seededRandom } from '@signalbox/testkit';
import {
  ALL_WAYS,
  changeNeighbours,
  closeCluster,
  expectNoDrift,
  expectReaches,
  expectUnanswered,
  goesOn,
  neighbour,
  restart,
  rowsOf,
  slicesOf,
  startCluster,
  store,
  STRANGER,
  syncAll,
  applyEvents,
  unharmed,
  WEB,
  without,
  type Churn,
  type Cluster,
} from '@signalbox/testkit/continuity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExecDriver, type Variant } from '@signalbox/iptables';
import { createIptablesBackend } from './iptables-backend.ts';

interface Kernel {
  readonly variant: Variant;
  readonly cluster: Cluster;
}

/** Neighbours of `web` in the dispatch trees, enough to split and merge the branch in which it is. */
const NEIGHBOURS = 64;
const AT_FIRST = 20;
/** Each sync of the legacy variant copies the whole table, so there are fewer changes, in smaller batches. */
const CHANGES = { nft: { count: 1000, perSync: 18 }, legacy: { count: 200, perSync: 3 } } as const;

function start(variant: Variant): Promise<Cluster> {
  return startCluster((family, { prefix }) => {
    const driver = createExecDriver({ family, variant, commandPrefix: prefix, lockWait: 30 });
    return createIptablesBackend({ family, driver });
  }, AT_FIRST);
}

function iptables({ variant, cluster }: Kernel, family: Family, ...args: readonly string[]): Promise<string> {
  const command = `${family === 'IPv4' ? 'iptables' : 'ip6tables'}-${variant}`;
  return runCommand([...cluster.world.node.prefix, command, '-w', '30', ...args]);
}

async function chainOf(kernel: Kernel, family: Family, service: string): Promise<string> {
  const rules = await iptables(kernel, family, '-t', 'nat', '-S');
  const found = new RegExp(`^-A (KUBE-SVC-\\S+) .*shop/${service}:http`, 'm').exec(rules)?.[1];
  if (found === undefined) throw new Error(`no KUBE-SVC chain of ${service}`);
  return found;
}

/** Packets that each rule of `web`'s own chains has counted. Rewritten rules start at 0. */
async function packetsSeen({ variant, cluster }: Kernel): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  for (const family of FAMILIES) {
    const command = `${family === 'IPv4' ? 'iptables' : 'ip6tables'}-${variant}-save`;
    const text = await runCommand([...cluster.world.node.prefix, command, '-c', '-t', 'nat']);
    const rules = text.matchAll(/^\[(\d+):\d+\] (-A KUBE-(?:SVC|SEP|EXT)-\S+ .*shop\/web:http.*)$/gm);
    for (const [, packets, rule = ''] of rules) seen.set(`${family} ${rule}`, Number(packets));
  }
  return seen;
}

/** Counters that continue prove that a rule was not rewritten. */
function expectGoneOn(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  const rewritten = [...before].filter(([rule, packets]) => (after.get(rule) ?? -1) < packets);
  expect(before.size).toBeGreaterThanOrEqual(12);
  expect(Math.max(...before.values())).toBeGreaterThan(0);
  expect(rewritten).toEqual([]);
}

// --- Changes by other processes

interface Accident {
  readonly title: string;
  /** The connections that necessarily fail. `other`: those to the cluster IP of `other-1`. */
  readonly breaks: 'nothing' | 'node-port' | 'other';
  readonly happen: (kernel: Kernel, family: Family) => Promise<unknown>;
}

const ACCIDENTS: readonly Accident[] = [
  {
    title: "another service's chain is flushed",
    breaks: 'other',
    happen: async (kernel, family) =>
      iptables(kernel, family, '-t', 'nat', '-F', await chainOf(kernel, family, 'other-1')),
  },
  {
    title: 'a jump of the filter table is removed',
    breaks: 'nothing',
    async happen(kernel, family) {
      const rules = await iptables(kernel, family, '-t', 'filter', '-S', 'FORWARD');
      const at = rules.split('\n').findIndex((line) => line.includes('-j KUBE-FORWARD'));
      // The first line is the policy, so lines count as rules do.
      expect(at).toBeGreaterThan(0);
      await iptables(kernel, family, '-t', 'filter', '-D', 'FORWARD', String(at));
    },
  },
  {
    title: 'the whole filter table is flushed',
    breaks: 'nothing',
    happen: (kernel, family) => iptables(kernel, family, '-t', 'filter', '-F'),
  },
  {
    title: 'KUBE-NODEPORTS is flushed',
    breaks: 'node-port',
    happen: (kernel, family) => iptables(kernel, family, '-t', 'nat', '-F', 'KUBE-NODEPORTS'),
  },
];

async function happenAndRepair(kernel: Kernel, { breaks, happen }: Accident): Promise<void> {
  const { cluster } = kernel;
  for (const family of FAMILIES) await happen(kernel, family);
  if (breaks === 'node-port') await expectUnanswered(cluster, rowsOf(['node-port'], []));
  if (breaks === 'other') await expectUnanswered(cluster, rowsOf(['cluster-ip'], [], 1));
  for (const { repaired } of await syncAll(cluster, 'rebuild')) expect(repaired).not.toEqual([]);
  if (breaks === 'node-port') await expectReaches(cluster, rowsOf(['node-port'], WEB));
  if (breaks === 'other') await expectReaches(cluster, rowsOf(['cluster-ip'], [STRANGER], 1));
  await expectNoDrift(cluster);
}

// --- Proofs

/** Alternates between growth and shrinkage; returns the minimum and the maximum number of neighbours. */
async function growAndShrink({ variant, cluster }: Kernel, streams: Streams): Promise<[number, number]> {
  const { count, perSync } = CHANGES[variant];
  const indexes = Array.from({ length: NEIGHBOURS }, (_, index) => index + 1);
  const alive = new Set(indexes.filter((index) => cluster.objects.has(`Service other-${index}`)));
  const churn: Churn = { random: seededRandom(20_261_121), neighbours: NEIGHBOURS, alive };
  let [least, most] = [alive.size, alive.size];
  for (let done = 0; done < count || goesOn(streams, done / count);) {
    const leaving = Math.floor((5 * done) / count) % 2 === 0 ? 0.1 : 0.7;
    done += await changeNeighbours(cluster, churn, { most: perSync, leaving });
    [least, most] = [Math.min(least, alive.size), Math.max(most, alive.size)];
  }
  return [least, most];
}

describe.each(['nft', 'legacy'] as const)('connections while rules change, %s variant', (variant) => {
  const held: { cluster: Cluster | null } = { cluster: null };
  const kernelNow = (): Kernel => ({ variant, cluster: held.cluster as Cluster });

  beforeAll(async () => {
    held.cluster = await start(variant);
  });

  afterAll(async () => {
    if (held.cluster !== null) await closeCluster(held.cluster);
  });

  it('survive restarts of the proxy, which write only the changes made in between', async (context) => {
    const kernel = kernelNow();
    const { cluster } = kernel;
    await expectReaches(cluster, rowsOf(ALL_WAYS, WEB));
    const before = await packetsSeen(kernel);
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      applyEvents(cluster, [...neighbour(3), ...without(40)]);
      await syncAll(cluster);
      for (let round = 0; round < 5 || goesOn(streams, round); round++) {
        for (const { counters } of await restart(cluster)) {
          expect(counters).toMatchObject({ restores: 0, chainsWritten: 0, chainsRemoved: 0 });
        }
      }
      // While no proxy ran, one service was deleted, another one created, and another process left a chain.
      for (const family of FAMILIES) await iptables(kernel, family, '-t', 'nat', '-N', 'KUBE-SVC-LEFTBEHIND');
      store(cluster, [...without(3), ...neighbour(40)]);
      for (const { counters } of await restart(cluster)) {
        // KUBE-SVC, KUBE-EXT and KUBE-SEP of each, and the two roots that lead to them.
        expect(counters).toMatchObject({ restores: 1, chainsWritten: 5, chainsRemoved: 4 });
      }
    });
    expectGoneOn(before, await packetsSeen(kernel));
    await expectNoDrift(cluster);
  });

  it('survive random changes of all other services', async (context) => {
    const kernel = kernelNow();
    const before = await packetsSeen(kernel);
    await unharmed(context, kernel.cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      const [least, most] = await growAndShrink(kernel, streams);
      // The number crosses splits and merges of the dispatch trees' leaves, which have at most 32 entries.
      expect(least).toBeLessThan(25);
      expect(most).toBeGreaterThan(35);
    });
    expectGoneOn(before, await packetsSeen(kernel));
    await expectNoDrift(kernel.cluster);
  });

  it.for(ACCIDENTS)('survive that $title, or succeed again after the repair', async (accident, context) => {
    const kernel = kernelNow();
    applyEvents(kernel.cluster, neighbour(1));
    await syncAll(kernel.cluster);
    const untouched = accident.breaks === 'node-port' ? (['cluster-ip'] as const) : ALL_WAYS;
    await unharmed(context, kernel.cluster, rowsOf(untouched, WEB), async (streams) => {
      for (let round = 0; round < 2 || goesOn(streams, round); round++) {
        await happenAndRepair(kernel, accident);
      }
    });
  });

  it('go to the new endpoint after a sync, and none fails while the old endpoint still serves', async (context) => {
    const { cluster } = kernelNow();
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      for (let round = 0; round < 9 || goesOn(streams, round); round++) {
        const serving = WEB.filter((_, index) => index !== round % WEB.length);
        applyEvents(cluster, slicesOf(0, serving));
        await syncAll(cluster);
        await expectReaches(cluster, rowsOf(ALL_WAYS, serving));
      }
    });
    await expectNoDrift(cluster);
  });
});
