/**
 * Connections while the maps change, on the real kernel: streams of TCP connects from a pod to a cluster IP and from outside to
 * a node port, in both families. None may fail, none may reach a wrong endpoint, and no SYN may be lost.
 */
import type { ObjectEvent } from '@signalbox/core';
import { runCommand, type Streams } from '@signalbox/netns';
import { seededRandom } from '@signalbox/testkit';
import {
  ALL_WAYS,
  changeNeighbours,
  closeCluster,
  expectNoDrift,
  expectReaches,
  goesOn,
  PORTS,
  restart,
  rowsOf,
  slicesOf,
  startCluster,
  syncAll,
  applyEvents,
  unharmed,
  WEB,
  withSlices,
  type Churn,
  type Cluster,
} from '@signalbox/testkit/continuity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { createNamespacedDriver } from './namespaced-driver.ts';

const NEIGHBOURS = 64;
const CHANGES = { count: 600, perSync: 9 } as const;
/** Ports of the pods that lead to the one on which they listen: endpoints by the thousand. */
const MANY_PORTS = { first: 20_000, count: 700 } as const;
const SIZES: readonly number[] = [1, 2, 3, 5, 9, 40, 300, 2_000, 1_100, 1_000, 130, 8, 4, 1];

/** The pods take these ports for the one on which they listen; the answer names that one. */
async function listenOnMany({ world }: Cluster): Promise<void> {
  const { first, count } = MANY_PORTS;
  for (const [, host] of world.pods) {
    const rule = `table inet many { chain in { type nat hook prerouting priority dstnat; tcp dport ${first}-${first + count} redirect to :${PORTS.pod}; }; }`;
    await runCommand([...host.prefix, 'nft', rule]);
  }
}

/** So many endpoints of `web`, in slices of three pods each. */
function manySlices(endpoints: number): readonly ObjectEvent[] {
  return Array.from({ length: Math.ceil(2_100 / WEB.length) }, (_, index) => {
    const pods = WEB.slice(0, Math.max(0, endpoints - index * WEB.length));
    return slicesOf(0, pods).map((event) => withPort(event, index));
  }).flat();
}

/** The first slice keeps the port of the others tests; each further one has a port and a name of its own. */
function withPort(event: ObjectEvent, index: number): ObjectEvent {
  if (index === 0 || event.type === 'delete') return event;
  const { metadata, ...slice } = event.object as { readonly metadata: { readonly name: string } };
  const ports = [{ name: 'http', port: MANY_PORTS.first + index, protocol: 'TCP' }];
  return {
    ...event,
    object: { ...slice, metadata: { ...metadata, name: `${metadata.name}-${index}` }, ports },
  };
}

function withAffinity(on: boolean): readonly ObjectEvent[] {
  const [service] = withSlices(0, WEB);
  if (service === undefined || service.type === 'delete') return [];
  const { spec, ...rest } = service.object as { readonly spec: object };
  return [{ ...service, object: { ...rest, spec: { ...spec, sessionAffinity: on ? 'ClientIP' : 'None' } } }];
}

describe('connections while maps change', () => {
  const held: { cluster: Cluster | null } = { cluster: null };
  const clusterNow = (): Cluster => held.cluster as Cluster;

  beforeAll(async () => {
    held.cluster = await startCluster((family, { prefix }) => {
      const driver = createNamespacedDriver({ family, prefix });
      return createNftablesBackend({ family, driver });
    }, 20);
    await listenOnMany(held.cluster);
  });

  afterAll(async () => {
    if (held.cluster !== null) await closeCluster(held.cluster);
  });

  it('survive restarts of the proxy, which write nothing', async (context) => {
    const cluster = clusterNow();
    await expectReaches(cluster, rowsOf(ALL_WAYS, WEB));
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      for (let round = 0; round < 3 || goesOn(streams, round); round++) {
        for (const { counters, repaired } of await restart(cluster)) {
          expect(counters).not.toHaveProperty('batches');
          expect(repaired).toEqual([]);
        }
      }
    });
  });

  it('survive random changes of all other services', async (context) => {
    const cluster = clusterNow();
    const indexes = Array.from({ length: NEIGHBOURS }, (_, index) => index + 1);
    const alive = new Set(indexes.filter((index) => cluster.objects.has(`Service other-${index}`)));
    const churn: Churn = { random: seededRandom(20_261_130), neighbours: NEIGHBOURS, alive };
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      for (let done = 0; done < CHANGES.count || goesOn(streams, done / CHANGES.count);) {
        done += await changeNeighbours(cluster, churn, { most: CHANGES.perSync, leaving: 0.4 });
      }
    });
    await expectNoDrift(cluster);
  });

  it('survive swaps of the endpoints, and go to the new ones after a sync', async (context) => {
    const cluster = clusterNow();
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      for (let round = 0; round < 9 || goesOn(streams, round); round++) {
        const serving = WEB.filter((_, index) => index !== round % WEB.length);
        applyEvents(cluster, slicesOf(0, serving));
        await syncAll(cluster);
        if (round < 3) await expectReaches(cluster, rowsOf(ALL_WAYS, serving));
      }
      applyEvents(cluster, slicesOf(0, WEB));
      await syncAll(cluster);
    });
    await expectNoDrift(cluster);
  });

  it('survive that a service grows from 1 to 2,000 endpoints and shrinks again', async (context) => {
    const cluster = clusterNow();
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams: Streams) => {
      for (let round = 0; round < 1 || goesOn(streams, round); round++) {
        for (const size of SIZES) {
          applyEvents(cluster, manySlices(size));
          await syncAll(cluster);
        }
      }
    });
    await expectReaches(cluster, rowsOf(ALL_WAYS, WEB.slice(0, 1)));
    applyEvents(cluster, slicesOf(0, WEB));
    await syncAll(cluster);
    await expectNoDrift(cluster);
  });

  it('survive that session affinity comes and goes', async (context) => {
    const cluster = clusterNow();
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      for (let round = 0; round < 10 || goesOn(streams, round); round++) {
        applyEvents(cluster, withAffinity(round % 2 === 0));
        await syncAll(cluster);
      }
    });
    applyEvents(cluster, withAffinity(false));
    await syncAll(cluster);
    await expectNoDrift(cluster);
  });
});
