/** What an earlier mode has left, and another mode in a running proxy. */
import { backendError, NOTHING_DONE, type SyncResult } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type RecordingBackend, SYNCED } from './testing/composition.ts';
import { healthChecked, NODE, start, stopAll, synced, upsert, type World } from './testing/proxy-world.ts';
import { freePort } from './testing/free-port.ts';
import { settingsOf } from './testing/settings.ts';

afterEach(stopAll);

const MISSING = { outcome: 'ok', drift: [{ kind: 'missing', type: 'chain', name: 'x' }] } as const;
const failed = (code: 'busy' | 'unsupported'): SyncResult => ({
  ...NOTHING_DONE,
  outcome: 'failed',
  error: backendError(code, 'NFT_MSG_NEWSET', 'refused'),
});

async function serving(...argv: string[]): Promise<World> {
  const world = await start(argv);
  upsert(world, 'Node', NODE);
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
  await world.settle(1000);
  return world;
}

const modesOf = ({ parts }: World): readonly string[] => [...parts.backends.values()].map(({ mode }) => mode);
const removals = ({ parts }: World): readonly string[] => parts.leftovers.map(({ mode }) => mode);
const metricOf = async (world: World, name: string): Promise<string | undefined> => {
  const text = await (await world.get('metrics', '/metrics')).text();
  return new RegExp(`^${name.replaceAll(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1];
};

describe('rules of an earlier mode', () => {
  it('F86: are removed when the own ones were found in the kernel for every family, and once', async () => {
    const world = await start(['--proxy-mode=nftables']);
    const { backends } = world.parts;
    backends.get('IPv6')?.observations.push(MISSING);
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
    await world.settle();
    expect(backends.get('IPv4')?.changes).toHaveLength(1);
    expect(removals(world)).toEqual([]);
    expect(world.parts.carried).toEqual([]);
    expect(world.parts.completedStarts).toBe(0);
    await world.settle(5000);
    expect(world.parts.completedStarts).toBe(1);
    expect(removals(world)).toEqual(['nftables']);
    expect(world.parts.carried).toEqual([['IPv4', 'IPv6']]);
    expect(world.parts.leftovers[0]?.keepConnections).toBe(true);
  });

  it('F86: that could not be removed are tried again, counted and reported, and the proxy is ready', async () => {
    const world = await start();
    const busy = { failures: ['nftables mode, IPv4: EBUSY'], inUse: 0 };
    world.parts.leftoverAnswers.push(busy, busy);
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
    await world.settle(500);
    expect((await world.get('health', '/readyz')).status).toBe(200);
    expect(await metricOf(world, 'kubeproxy_mode_cleanup_pending')).toBe('1');
    await world.settle(10_000);
    expect(removals(world)).toEqual(['iptables', 'iptables', 'iptables']);
    expect(world.parts.carried).toHaveLength(1);
    expect(await metricOf(world, 'kubeproxy_mode_cleanups_total{result="error"}')).toBe('2');
    expect(await metricOf(world, 'kubeproxy_mode_cleanups_total{result="success"}')).toBe('1');
    expect(await metricOf(world, 'kubeproxy_mode_cleanup_pending')).toBe('0');
    const log = world.lines.join('');
    expect(log.match(/Rules of earlier modes not removed[^\n]*EBUSY/g)).toHaveLength(1);
    expect(log).toContain('The rules of earlier modes are removed');
    await world.settle(400_000);
    expect(removals(world)).toHaveLength(3);
  });

  it('keeps what connections use for 15 minutes at most', async () => {
    const world = await start();
    world.parts.leftoverAnswers.push(...Array.from({ length: 91 }, () => ({ failures: [], inUse: 1 })));
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
    await world.settle(905_000);
    const kept = world.parts.leftovers.map(({ keepConnections }) => keepConnections);
    expect(kept.length).toBeGreaterThan(80);
    expect(kept.slice(0, -2)).not.toContain(false);
    expect(kept.at(-1)).toBe(false);
  });
});

describe('another mode in a running proxy', () => {
  it('serves after a sync of the whole state; the former one is closed, and its rules are removed then', async () => {
    const everywhere = '--nodeport-addresses=0.0.0.0/0,::/0';
    const world = await serving(everywhere);
    const healthPort = await freePort();
    upsert(world, 'Service', healthChecked(healthPort));
    await world.settle(2000);
    const former = world.parts.backends.get('IPv4');
    expect((await fetch(`http://127.0.0.1:${healthPort}/`)).status).toBe(503);
    const switching = world.proxy.switchMode(settingsOf(['--proxy-mode=nftables', everywhere]));
    await world.settle(2000);
    expect(await switching).toBeNull();
    expect(modesOf(world)).toEqual(['nftables', 'nftables']);
    const { changes = [] } = world.parts.backends.get('IPv4') ?? {};
    expect(changes[0]).toMatchObject({ kind: 'full', servicePorts: { added: [{}] } });
    expect(former?.closed).toBe(1);
    expect(removals(world)).toEqual(['iptables', 'nftables']);
    expect(await (await world.get('metrics', '/proxyMode')).text()).toBe('nftables');
    expect(await metricOf(world, 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total')).toBe(
      undefined,
    );
    const text = await (await world.get('metrics', '/metrics')).text();
    expect(text).not.toContain('kubeproxy_iptables_ct_state_invalid_dropped_packets_total');
    expect((await fetch(`http://127.0.0.1:${healthPort}/`)).status).toBe(503);
    expect((await world.get('health', '/readyz')).status).toBe(200);
    expect(world.parts.events.at(-1)).toMatchObject({ type: 'Normal', reason: 'ProxyModeChanged' });
    const before = changes.length;
    upsert(world, 'Service', healthChecked(await freePort()));
    await world.settle(2000);
    expect(changes.length).toBeGreaterThan(before);
  });

  it('that the node cannot run changes nothing', async () => {
    const world = await serving();
    const { backends } = world.parts;
    const former = backends.get('IPv4');
    Object.assign(world.parts, {
      probeFamilies: () => Promise.resolve({ families: [], reasons: ['ipvs: no module'] }),
    });
    const why = await world.proxy.switchMode(settingsOf(['--proxy-mode=ipvs']));
    expect(why).toBe('no IPv4 and no IPv6 support on this node; ipvs: no module');
    expect([backends.get('IPv4'), former?.closed]).toEqual([former, 0]);
    expect(await (await world.get('metrics', '/proxyMode')).text()).toBe('iptables');
    expect(world.parts.events.at(-1)).toMatchObject({ reason: 'FailedToChangeProxyMode' });
  });

  it.each(['unsupported', 'busy'] as const)(
    'whose syncs fail (%s) gives way to the former one, which syncs everything and removes what is left',
    async (code) => {
      const world = await serving();
      world.parts.onNextBackend = ({ mode, family, answers }) => {
        if (mode === 'nftables' && family === 'IPv4') answers.push(failed(code), failed(code), failed(code));
      };
      const switching = world.proxy.switchMode(settingsOf(['--proxy-mode=nftables']));
      await world.settle(10_000);
      expect(await switching).toMatch(/^IPv4: NFT_MSG_NEWSET: refused/);
      await world.settle(1000);
      expect(modesOf(world)).toEqual(['iptables', 'iptables']);
      expect(world.parts.backends.get('IPv4')?.changes[0]).toMatchObject({ kind: 'full' });
      expect(removals(world)).toEqual(['iptables', 'iptables']);
      expect(await (await world.get('metrics', '/proxyMode')).text()).toBe('iptables');
    },
  );

  it('whose rules are not found in the kernel gives way to the former one', async () => {
    const world = await serving();
    world.parts.onNextBackend = ({ mode, observations }) => {
      if (mode === 'nftables') observations.push(...Array.from({ length: 5 }, () => MISSING));
    };
    const switching = world.proxy.switchMode(settingsOf(['--proxy-mode=nftables']));
    await world.settle(10_000);
    expect(await switching).toContain('missing chain x');
    expect(modesOf(world)).toEqual(['iptables', 'iptables']);
  });

  it.each([
    ['userspace', 'before', 1],
    ['nftables', 'after', 0],
  ])(
    '%s, in the place of userspace, has the former sockets closed %s its first sync ends',
    async (...row) => {
      const [mode, , closed] = row;
      const world = await serving('--proxy-mode=userspace');
      const former = world.parts.backends.get('IPv4');
      let resolve: (result: SyncResult) => void = () => undefined;
      const promise = new Promise<SyncResult>((done) => (resolve = done));
      const next: RecordingBackend[] = [];
      world.parts.onNextBackend = (backend) => {
        backend.answers.push(promise);
        next.push(backend);
      };
      const switching = world.proxy.switchMode(settingsOf([`--proxy-mode=${mode}`]));
      const state = async () => {
        await world.settle();
        return [next.map(({ changes }) => changes.length), former?.closed];
      };
      try {
        await expect.poll(state, { timeout: 60_000 }).toEqual([[1, 1], closed]);
      } finally {
        // The proxy stops only after its syncs have ended.
        resolve(SYNCED);
      }
      await world.settle(10_000);
      expect([await switching, former?.closed]).toEqual([null, 1]);
    },
  );
});
