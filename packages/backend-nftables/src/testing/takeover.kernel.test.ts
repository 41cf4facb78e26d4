/** From kube-proxy's table to this one and back, while connections are made: none may fail, and clients stay remembered. */
import { FAMILIES, type Family } from '@signalbox/core';
import { runCommand } from '@signalbox/netns';
import {
  ALL_WAYS,
  CLIENT,
  closeCluster,
  expectNoDrift,
  expectReaches,
  goesOn,
  restart,
  rowsOf,
  slicesOf,
  startCluster,
  STRANGER,
  syncAll,
  applyEvents,
  unharmed,
  WEB,
  withSlices,
  type Cluster,
} from '@signalbox/testkit/continuity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nftFamily } from '../encode/rule-expressions.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { kubeProxyRemovals, kubeProxySync } from './kube-proxy-table.ts';
import { createNamespacedDriver } from './namespaced-driver.ts';

const NEIGHBOURS = 40;
/** The neighbour with session affinity. */
const STICKY = 1;

const held: { cluster: Cluster | null } = { cluster: null };
const clusterNow = (): Cluster => held.cluster as Cluster;

function nft(args: readonly string[], input = ''): Promise<string> {
  return runCommand([...clusterNow().world.node.prefix, 'nft', ...args], input);
}

async function chainNames(family: Family): Promise<readonly string[]> {
  const listed = await nft(['list', 'table', nftFamily(family), 'kube-proxy']);
  return [...listed.matchAll(/^\tchain (\S+) \{/gm)].map(([, name = '']) => name);
}

/** As kube-proxy syncs: everything in one transaction; chains that became stale are deleted in the next one. */
async function syncAsKubeProxy(): Promise<void> {
  for (const family of FAMILIES) {
    const state = clusterNow().proxy.model.state(family);
    const before = await chainNames(family).catch(() => []);
    const [flush, remove] = kubeProxyRemovals(state, before);
    await nft(['-f', '-'], `${kubeProxySync(state)}\n${flush}\n`);
    await nft(['-f', '-'], remove);
  }
}

/** Clients in the sets of affinity: `10.244.1.20`. */
async function remembered(family: Family): Promise<readonly string[]> {
  const listed = await nft(['list', 'table', nftFamily(family), 'kube-proxy']);
  const sets = listed.matchAll(/^\tset affinity-\S+ \{(.*?)^\t\}/gms);
  return [...sets].flatMap(([, body = '']) =>
    [...body.matchAll(/([0-9a-f.:]+) expires/g)].map(([, client = '']) => client),
  );
}

function withAffinity(): void {
  const [service] = withSlices(STICKY, WEB);
  if (service === undefined || service.type === 'delete') return;
  const { spec, ...rest } = service.object as { readonly spec: object };
  applyEvents(clusterNow(), [
    { ...service, object: { ...rest, spec: { ...spec, sessionAffinity: 'ClientIP' } } },
    ...slicesOf(STICKY, [STRANGER, ...WEB]),
  ]);
}

async function expectRemembered(): Promise<void> {
  for (const family of FAMILIES) expect(await remembered(family)).toContain(CLIENT[family]);
}

/** Chains that kube-proxy has for each service, and this mode only for those with affinity. */
async function expectOwnChainsOnly(): Promise<void> {
  for (const family of FAMILIES) {
    const stale = (await chainNames(family)).filter((name) =>
      /^(service|local|external|firewall|endpoint)-\w{8}-/.test(name),
    );
    expect(stale.filter((name) => !name.includes(`/other-${STICKY}/`))).toEqual([]);
  }
}

describe('a table of kube-proxy', () => {
  beforeAll(async () => {
    held.cluster = await startCluster((family, { prefix }) => {
      return createNftablesBackend({ family, driver: createNamespacedDriver({ family, prefix }) });
    }, NEIGHBOURS);
    withAffinity();
    await syncAll(held.cluster);
    await nft(['flush', 'ruleset']);
    await syncAsKubeProxy();
  });

  afterAll(async () => {
    if (held.cluster !== null) await closeCluster(held.cluster);
  });

  it('serves connections, and remembers clients', async () => {
    await expectReaches(clusterNow(), rowsOf(ALL_WAYS, WEB));
    for (const [family, address] of [
      ['IPv4', '10.96.0.11'],
      ['IPv6', 'fd00:10:96::11'],
    ] as const) {
      const from = CLIENT[family];
      const to = { address, port: 80 };
      await clusterNow()
        .world.hostOf(from)
        ?.connect({ protocol: 'TCP', from, to, tries: 1, timeout: 5_000, fromPort: 65_000 });
    }
    await expectRemembered();
    for (const family of FAMILIES)
      expect((await chainNames(family)).filter((name) => /^service-\w{8}-/.test(name))).toHaveLength(
        NEIGHBOURS + 1,
      );
  });

  it('is replaced without a failed connection, and only what is used is left of it', async (context) => {
    const cluster = clusterNow();
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      await restart(cluster);
      await expectOwnChainsOnly();
      await expectRemembered();
      await expectNoDrift(cluster);
      for (let round = 0; goesOn(streams, round); round++) await restart(cluster);
    });
    await expectReaches(cluster, rowsOf(ALL_WAYS, WEB));
  });

  it('replaces this one, and this one replaces it, any number of times', async (context) => {
    const cluster = clusterNow();
    await unharmed(context, cluster, rowsOf(ALL_WAYS, WEB), async (streams) => {
      for (let round = 0; round < 3 || goesOn(streams, round); round++) {
        await syncAsKubeProxy();
        for (const family of FAMILIES) {
          expect(
            (await chainNames(family)).filter((name) => /^(route|pick|nodeport|firewall)\//.test(name)),
          ).toEqual([]);
        }
        await expectRemembered();
        await restart(cluster);
        await expectRemembered();
        await expectNoDrift(cluster);
      }
    });
    await expectOwnChainsOnly();
  });
});
