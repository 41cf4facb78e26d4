/** nftables mode as it ships, on a node that was served by iptables mode before. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorld, runCommand, type Host, type World } from '@signalbox/netns';
import { afterEach, expect, it } from 'vitest';
import {
  eventually,
  startApiServer,
  startSignalbox,
  type ApiServer,
  type ProxyProcess,
} from './node-processes.ts';

const PODS = ['10.244.1.5', '10.244.1.6'] as const;
const CLIENT = '10.244.1.9';
const OUTSIDE = '198.51.100.7';
const VIP = { address: '10.96.0.10', port: 80 };
const NODE_PORT = 30_080;
/** Of the node, as the world makes it. */
const NODE_IP = '192.0.2.10';

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a' },
  spec: {},
  status: { addresses: [{ type: 'InternalIP', address: NODE_IP }] },
};

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    type: 'NodePort',
    clusterIP: VIP.address,
    clusterIPs: [VIP.address],
    ipFamilies: ['IPv4'],
    ports: [{ name: 'http', port: VIP.port, nodePort: NODE_PORT, protocol: 'TCP' }],
  },
};

function slice(...addresses: readonly string[]) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

interface Rig {
  readonly world: World;
  readonly asker: ApiServer;
  readonly folder: string;
  readonly running: ProxyProcess[];
}

const held: { rig: Rig | null } = { rig: null };
afterEach(async () => {
  const { rig } = held;
  held.rig = null;
  if (rig === null) return;
  for (const proxy of rig.running) await proxy.end('SIGKILL');
  rig.asker.close();
  await rig.world.close();
  rmSync(rig.folder, { recursive: true, force: true });
});

function hostOf({ world }: Rig, address: string): Host {
  const host = world.hostOf(address);
  if (host === undefined) throw new Error(`no host has ${address}`);
  return host;
}

async function build(): Promise<Rig> {
  const pods = [...PODS, CLIENT].map((address) => ({
    name: `pod-${address.split('.')[3]}`,
    addresses: [address],
  }));
  const world = await createWorld({ pods, outside: [OUTSIDE] });
  const folder = mkdtempSync(join(tmpdir(), 'proxy-nftables-'));
  const rig: Rig = { world, folder, asker: startApiServer(world.node), running: [] };
  held.rig = rig;
  for (const address of PODS) await hostOf(rig, address).listen('TCP', { address, port: 8080 });
  for (const object of [NODE, SERVICE, slice(PODS[0])]) write(rig, object);
  return rig;
}

function write({ folder }: Rig, object: { readonly kind: string }): void {
  writeFileSync(join(folder, `${object.kind}.json`), JSON.stringify(object));
}

async function startMode(rig: Rig, mode: string): Promise<ProxyProcess> {
  const flags = [`--proxy-mode=${mode}`, `--manifests=${rig.folder}`, '--hostname-override=node-a', '-v=2'];
  const proxy = startSignalbox(rig.world.node, flags);
  rig.running.push(proxy);
  await eventually(
    () => get(rig, '10256/readyz'),
    ({ status }) => status === 200,
    () => proxy.log(),
  );
  return proxy;
}

const get = ({ asker }: Rig, path: string): Promise<{ status: number; body: string }> =>
  asker.ask({ op: 'get', url: `http://127.0.0.1:${path}` });

const onNode = ({ world }: Rig, ...words: readonly string[]): Promise<string> =>
  runCommand([...world.node.prefix, ...words]);

/** The address of the endpoint that answered, `rejected` or `silent`. */
async function call(rig: Rig, from = CLIENT, to: { address: string; port: number } = VIP): Promise<string> {
  const request = { protocol: 'TCP', from, to, tries: 1, timeout: 3000 } as const;
  const [attempt] = await hostOf(rig, from).connect(request);
  return attempt?.kind === 'answered' ? attempt.endpoint.address : (attempt?.kind ?? 'silent');
}

/** Calls one after the other until it is stopped; the answers. */
function stream(rig: Rig): { stop(): Promise<readonly string[]> } {
  const seen: string[] = [];
  const state = { going: true };
  const run = async (): Promise<void> => {
    while (state.going) seen.push(await call(rig));
  };
  const done = run();
  return {
    stop: async () => {
      state.going = false;
      await done;
      return seen;
    },
  };
}

/** Another endpoint, none, and the first one again; a Service without endpoints is refused. */
async function followsChanges(rig: Rig, proxy: ProxyProcess): Promise<void> {
  const steps = [
    [slice(PODS[1]), PODS[1]],
    [slice(), 'rejected'],
    [slice(PODS[0]), PODS[0]],
  ] as const;
  for (const [object, expected] of steps) {
    write(rig, object);
    await eventually(
      () => call(rig),
      (answer) => answer === expected,
      () => proxy.log(),
    );
  }
}

it('F1 F75 F86 F89: nftables mode takes over from iptables mode without a failed connection, and cleans up', async () => {
  const rig = await build();
  const before = await startMode(rig, 'iptables');
  expect(await call(rig)).toBe(PODS[0]);
  expect(await onNode(rig, 'iptables-save')).toContain('KUBE-SERVICES');

  const traffic = stream(rig);
  expect(await before.end('SIGTERM')).toBe(0);
  const proxy = await startMode(rig, 'nftables');
  expect(await get(rig, '10249/proxyMode')).toEqual({ status: 200, body: 'nftables' });
  await eventually(
    () => onNode(rig, 'iptables-save'),
    (rules) => !/KUBE-(SERVICES|SVC|SEP|NODEPORTS|POSTROUTING|MARK-MASQ|PROXY)/.test(rules),
    () => proxy.log(),
  );
  await eventually(
    () => Promise.resolve(proxy.log()),
    (log) => log.includes('Removed leftovers of iptables mode'),
  );
  await call(rig);
  expect(new Set(await traffic.stop())).toEqual(new Set([PODS[0]]));

  await followsChanges(rig, proxy);
  expect(await call(rig, OUTSIDE, { address: NODE_IP, port: NODE_PORT })).toBe(PODS[0]);
  const { body: metrics } = await get(rig, '10249/metrics');
  expect(metrics).toContain('kubeproxy_sync_partial_proxy_rules_duration_seconds_count');

  expect(await proxy.end('SIGTERM')).toBe(0);
  expect(await call(rig)).toBe(PODS[0]);
  const cleanup = startSignalbox(rig.world.node, ['--cleanup']);
  expect([await cleanup.ended, cleanup.log()]).toEqual([0, expect.stringContaining('table ip kube-proxy')]);
  expect(await onNode(rig, 'nft', 'list', 'tables')).not.toContain('kube-proxy');
});

it('F86: iptables mode takes over from nftables mode without a failed connection', async () => {
  const rig = await build();
  const before = await startMode(rig, 'nftables');
  expect(await call(rig)).toBe(PODS[0]);

  const traffic = stream(rig);
  expect(await before.end('SIGTERM')).toBe(0);
  const proxy = await startMode(rig, 'iptables');
  await eventually(
    () => onNode(rig, 'nft', 'list', 'tables'),
    (tables) => !tables.includes('kube-proxy'),
    () => proxy.log(),
  );
  await call(rig);
  expect(new Set(await traffic.stop())).toEqual(new Set([PODS[0]]));

  await followsChanges(rig, proxy);
  expect(await call(rig, OUTSIDE, { address: NODE_IP, port: NODE_PORT })).toBe(PODS[0]);
});
