/**
 * Connections while the proxy works, on the real kernel: TCP from a pod to a cluster IP and from outside to a node
 * port, in both families. None may fail, none may reach a wrong endpoint, and no SYN may be lost (a lost one is
 * sent again after a second, which would hide the gap).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FAMILIES, type SyncResult } from '@signalbox/core';
import { runCommand, type Streams } from '@signalbox/netns';
import { seededRandom } from '@signalbox/testkit';
import {
  ALL_WAYS,
  changeNeighbours,
  closeCluster,
  clusterIPs,
  expectNoDrift,
  expectReaches,
  goesOn,
  NODE,
  PORTS,
  restart,
  rowsOf,
  slicesOf,
  startCluster,
  syncAll,
  applyEvents,
  unharmed,
  WEB,
  type Churn,
  type Cluster,
} from '@signalbox/testkit/continuity';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileJournal } from '../driver/journal.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import { createNamespacedDriver } from './namespaced-driver.ts';

/** Other services, at most. */
const NEIGHBOURS = 40;
/** Each pod of `web` goes once, and a restart meets both one that is away and all that are there. */
const ROUNDS = 3;
const CHANGES_PER_ROUND = 70;

function ipvsadm({ world }: Cluster, ...args: readonly string[]): Promise<string> {
  return runCommand([...world.node.prefix, 'ipvsadm', ...args]);
}

/** Connections that each virtual server of `web` was given: one that is made anew starts at nought. */
async function connectionsGiven(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const text = await ipvsadm(cluster, '-L', '-n', '--stats', '--exact');
  const desired = FAMILIES.flatMap((family) => {
    const host = (address: string): string => (family === 'IPv6' ? `[${address}]` : address);
    return [`${host(clusterIPs(0)[family])}:${PORTS.cluster}`, `${host(NODE[family])}:${PORTS.node}`];
  });
  const given = new Map<string, number>();
  for (const [, address = '', count] of text.matchAll(/^TCP\s+(\S+)\s+(\d+)/gm)) {
    if (desired.includes(address)) given.set(address, Number(count));
  }
  expect([...given.keys()].sort(), text).toEqual(desired.toSorted());
  return given;
}

function expectGrown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  const fewer = [...before].filter(([address, count]) => (after.get(address) ?? -1) < count);
  expect(fewer, 'virtual servers that were made anew').toEqual([]);
}

// --- What happens meanwhile

/** A pod that is not in service goes on to accept until the streams are over: who still reaches it is too late. */
async function scale(cluster: Cluster, serving: readonly number[]): Promise<void> {
  applyEvents(cluster, slicesOf(0, serving));
  await syncAll(cluster);
  await expectReaches(cluster, rowsOf(ALL_WAYS, serving));
}

/** Operations that a sync reports, without what it merely counts. */
function written({ counters }: SyncResult): Readonly<Record<string, number>> {
  const { virtual_servers: _, terminating_real_servers: __, ...operations } = counters;
  return operations;
}

async function restartUnnoticed(cluster: Cluster): Promise<void> {
  const before = await ipvsadm(cluster, '-Sn');
  for (const result of await restart(cluster)) {
    // Real servers whose connections have ended meanwhile may go at last.
    const { real_servers_deleted: _, ...operations } = written(result);
    expect(operations).toEqual({});
  }
  const weights = (text: string): readonly string[] =>
    text.split('\n').filter((line) => !line.endsWith(' -w 0'));
  expect(weights(await ipvsadm(cluster, '-Sn')).toSorted()).toEqual(weights(before).toSorted());
}

async function playRound(cluster: Cluster, churn: Churn, round: number): Promise<void> {
  await scale(
    cluster,
    WEB.filter((_, index) => index !== round % WEB.length),
  );
  if (round % 2 === 0) await restartUnnoticed(cluster);
  for (let done = 0; done < CHANGES_PER_ROUND;) {
    done += await changeNeighbours(cluster, churn, { most: 4, leaving: 0.35 });
  }
  await scale(cluster, WEB);
  if (round % 2 === 1) await restartUnnoticed(cluster);
}

const held: { cluster: Cluster | null; journals: string } = { cluster: null, journals: '' };

beforeAll(async () => {
  held.journals = await mkdtemp(path.join(tmpdir(), 'signalbox-ipvs-continuity-'));
  held.cluster = await startCluster(
    (family, { prefix }) =>
      createIpvsBackend({
        family,
        driver: createNamespacedDriver({ family, prefix, variant: 'legacy' }),
        journal: fileJournal(path.join(held.journals, `${family}.json`)),
        // Retired real servers go as soon as their last connection is forgotten.
        gracefulScanInterval: 0,
      }),
    1,
  );
});

afterAll(async () => {
  if (held.cluster !== null) await closeCluster(held.cluster);
  await rm(held.journals, { recursive: true, force: true });
});

it('connections see no scale-up, scale-down, restart or change of other services', async (context) => {
  const cluster = held.cluster as Cluster;
  const churn: Churn = { random: seededRandom(20_261_121), neighbours: NEIGHBOURS, alive: new Set([1]) };
  await expectReaches(cluster, rowsOf(ALL_WAYS, WEB));
  const before = await connectionsGiven(cluster);
  await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams: Streams) => {
    for (let round = 0; round < ROUNDS || goesOn(streams, round); round++) {
      await playRound(cluster, churn, round);
    }
  });
  expectGrown(before, await connectionsGiven(cluster));
  await expectNoDrift(cluster);
});
