/** nftables mode as it ships, on a node that was served by iptables mode before. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { eventually, startSignalbox, type ProxyProcess } from './node-processes.ts';
import { createNodeRig, type NodeRig } from './node-rig.ts';

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

const held: { rig: NodeRig | null } = { rig: null };
afterEach(async () => {
  await held.rig?.close();
  held.rig = null;
});

async function build(): Promise<NodeRig> {
  const rig = await createNodeRig([...PODS, CLIENT], [OUTSIDE]);
  held.rig = rig;
  for (const address of PODS) await rig.hostOf(address).listen('TCP', { address, port: 8080 });
  for (const object of [NODE, SERVICE, slice(PODS[0])]) write(rig, object);
  return rig;
}

function write({ folder }: NodeRig, object: { readonly kind: string }): void {
  writeFileSync(join(folder, `${object.kind}.json`), JSON.stringify(object));
}

const startMode = (rig: NodeRig, mode: string): Promise<ProxyProcess> =>
  rig.startReadyProxy(`--proxy-mode=${mode}`);

/** The address of the endpoint that answered, `rejected` or `silent`. */
async function call(
  rig: NodeRig,
  from = CLIENT,
  to: { address: string; port: number } = VIP,
): Promise<string> {
  const request = { protocol: 'TCP', from, to, tries: 1, timeout: 3000 } as const;
  const [attempt] = await rig.hostOf(from).connect(request);
  return attempt?.kind === 'answered' ? attempt.endpoint.address : (attempt?.kind ?? 'silent');
}

/** Calls one after the other until it is stopped; the answers. */
function stream(rig: NodeRig): { stop(): Promise<readonly string[]> } {
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
async function followsChanges(rig: NodeRig, proxy: ProxyProcess): Promise<void> {
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

it('F1 F75 F86 F89: nftables mode replaces iptables mode without a failed connection, and cleans up', async () => {
  const rig = await build();
  const before = await startMode(rig, 'iptables');
  expect(await call(rig)).toBe(PODS[0]);
  expect(await rig.onNode('iptables-save')).toContain('KUBE-SERVICES');

  const traffic = stream(rig);
  expect(await before.end('SIGTERM')).toBe(0);
  const proxy = await startMode(rig, 'nftables');
  expect(await rig.get('10249/proxyMode')).toEqual({ status: 200, body: 'nftables' });
  await eventually(
    () => rig.onNode('iptables-save'),
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
  const { body: metrics } = await rig.get('10249/metrics');
  expect(metrics).toContain('kubeproxy_sync_partial_proxy_rules_duration_seconds_count');

  expect(await proxy.end('SIGTERM')).toBe(0);
  expect(await call(rig)).toBe(PODS[0]);
  const cleanup = startSignalbox(rig.world.node, ['--cleanup']);
  expect([await cleanup.ended, cleanup.log()]).toEqual([0, expect.stringContaining('table ip kube-proxy')]);
  expect(await rig.onNode('nft', 'list', 'tables')).not.toContain('kube-proxy');
});

it('F86: iptables mode replaces nftables mode without a failed connection', async () => {
  const rig = await build();
  const before = await startMode(rig, 'nftables');
  expect(await call(rig)).toBe(PODS[0]);

  const traffic = stream(rig);
  expect(await before.end('SIGTERM')).toBe(0);
  const proxy = await startMode(rig, 'iptables');
  await eventually(
    () => rig.onNode('nft', 'list', 'tables'),
    (tables) => !tables.includes('kube-proxy'),
    () => proxy.log(),
  );
  await call(rig);
  expect(new Set(await traffic.stop())).toEqual(new Set([PODS[0]]));

  await followsChanges(rig, proxy);
  expect(await call(rig, OUTSIDE, { address: NODE_IP, port: NODE_PORT })).toBe(PODS[0]);
});

/** Of the rules that drop packets to cluster IPs without a Service. */
async function droppedRanges(rig: NodeRig): Promise<readonly string[]> {
  const chain = await rig.onNode('nft', 'list', 'chain', 'ip', 'kube-proxy', 'cluster-ips-check');
  return [...chain.matchAll(/ip daddr (\S+) drop/g)].map(([, range = '']) => range);
}

it('S43: a ServiceCIDR that changes is dropped by at once, not at the next periodic sync', async () => {
  const rig = await build();
  const serviceCIDR = (...cidrs: readonly string[]) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs },
  });
  write(rig, serviceCIDR('10.96.0.0/16'));
  // Longer than the test may take: only the change itself can bring the next sync.
  const proxy = await rig.startReadyProxy('--proxy-mode=nftables', '--iptables-sync-period=1h');
  expect(await droppedRanges(rig)).toEqual(['10.96.0.0/16']);
  for (const cidrs of [['10.96.0.0/16', '10.97.0.0/16'], ['10.97.0.0/16']]) {
    write(rig, serviceCIDR(...cidrs));
    await eventually(
      () => droppedRanges(rig),
      (ranges) => ranges.join() === cidrs.join(),
      () => proxy.log(),
    );
  }
});
