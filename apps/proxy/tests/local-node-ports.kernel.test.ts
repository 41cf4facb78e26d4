/** nftables mode as it ships: node ports at 127.0.0.1 and ::1 of the node, to pods of both families. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { eventually, type ProxyProcess } from './node-processes.ts';
import { createNodeRig, type NodeRig } from './node-rig.ts';

const PODS = ['10.244.1.5', 'fd00:10:244:1::5'] as const;
const LOOPBACK = ['127.0.0.1', '::1'] as const;
const NODE_PORT = 30_080;
const TAKEN_PORT = 30_081;
const UDP_PORT = 30_053;

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a' },
  spec: {},
  status: {
    addresses: ['192.0.2.10', '2001:db8:0:2::10'].map((address) => ({ type: 'InternalIP', address })),
  },
};

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    type: 'NodePort',
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10', 'fd00:10:96::10'],
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'RequireDualStack',
    ports: [
      { name: 'http', port: 80, nodePort: NODE_PORT, protocol: 'TCP' },
      { name: 'alt', port: 81, nodePort: TAKEN_PORT, protocol: 'TCP' },
      { name: 'dns', port: 53, nodePort: UDP_PORT, protocol: 'UDP' },
    ],
  },
};

function slice(address: string): object {
  const addressType = address.includes(':') ? 'IPv6' : 'IPv4';
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `web-${addressType.toLowerCase()}`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType,
    ports: [
      ...['http', 'alt'].map((name) => ({ name, port: 8080, protocol: 'TCP' })),
      { name: 'dns', port: 8053, protocol: 'UDP' },
    ],
    endpoints: [{ addresses: [address], conditions: { ready: true }, nodeName: 'node-a' }],
  };
}

const held: { rig: NodeRig | null } = { rig: null };
afterEach(async () => {
  await held.rig?.close();
  held.rig = null;
});

async function build(): Promise<NodeRig> {
  const rig = await createNodeRig(PODS);
  held.rig = rig;
  for (const address of PODS) await rig.hostOf(address).listen('TCP', { address, port: 8080 });
  const objects = [NODE, SERVICE, ...PODS.map(slice)];
  objects.forEach((object, at) => writeFileSync(join(rig.folder, `${at}.json`), JSON.stringify(object)));
  return rig;
}

/** The address of the pod that answered the node, or `rejected`. */
async function call(
  rig: NodeRig,
  address: string,
  port = NODE_PORT,
  protocol: 'TCP' | 'UDP' = 'TCP',
): Promise<string> {
  const request = { protocol, from: address, to: { address, port }, tries: 1, timeout: 10_000 };
  const [attempt] = await rig.world.node.connect(request);
  return attempt?.kind === 'answered' ? attempt.endpoint.address : (attempt?.kind ?? 'silent');
}

async function metric(rig: NodeRig, name: string): Promise<readonly string[]> {
  const { body } = await rig.get('10249/metrics');
  const lines = body
    .split('\n')
    .filter((line) => line.startsWith(`kubeproxy_nftables_localhost_nodeport_${name}{`));
  return lines.map((line) => line.slice(line.indexOf('{'))).toSorted();
}

const start = (rig: NodeRig, addresses: string): Promise<ProxyProcess> =>
  rig.startReadyProxy('--proxy-mode=nftables', `--nodeport-addresses=${addresses}`);

it('S40 F174: node ports answer at 127.0.0.1 and ::1, but for one that another process has', async () => {
  const rig = await build();
  await rig.world.node.listen('TCP', { address: '127.0.0.1', port: TAKEN_PORT });
  const proxy = await start(rig, 'primary,localhost');
  expect(proxy.log()).not.toContain('do not answer at loopback addresses');
  const answers = (port: number): Promise<readonly string[]> =>
    Promise.all(LOOPBACK.map((address) => call(rig, address, port)));
  const log = (): string => proxy.log();
  await eventually(
    () => answers(NODE_PORT),
    (pods) => pods.join() === PODS.join(),
    log,
  );
  await eventually(
    () => answers(TAKEN_PORT),
    (pods) => pods.join() === ['127.0.0.1', PODS[1]].join(),
    log,
  );
  expect(await metric(rig, 'listeners')).toEqual(['{ip_family="IPv4"} 1', '{ip_family="IPv6"} 2']);
  expect(await metric(rig, 'listener_creation_failures_total')).toEqual([
    expect.stringMatching(/^\{ip_family="IPv4"\} [1-9]/),
  ]);
  expect(proxy.log()).toContain(`TCP 127.0.0.1:${TAKEN_PORT}: another process has this port open`);

  await rig.world.node.forgetListeners();
  await eventually(
    () => answers(TAKEN_PORT),
    (pods) => pods.join() === PODS.join(),
    log,
  );
  expect(await metric(rig, 'listeners')).toEqual(['{ip_family="IPv4"} 2', '{ip_family="IPv6"} 2']);

  expect(await proxy.end('SIGTERM')).toBe(0);
  expect(await answers(NODE_PORT)).toEqual(['rejected', 'rejected']);
});

it('S40 F174: UDP is rejected there and counted, whatever listens', async () => {
  const rig = await build();
  const proxy = await start(rig, 'localhost');
  await eventually(
    () => Promise.all(LOOPBACK.map((address) => call(rig, address))),
    (pods) => pods.join() === PODS.join(),
    () => proxy.log(),
  );
  await rig.world.node.listen('UDP', { address: '127.0.0.1', port: UDP_PORT });
  expect(await call(rig, '127.0.0.1', UDP_PORT, 'UDP')).toBe('rejected');
  expect(await metric(rig, 'rejected_packets_total')).toEqual([
    expect.stringMatching(/^\{ip_family="IPv4",protocol="UDP"\} [1-9]/),
    '{ip_family="IPv6",protocol="UDP"} 0',
  ]);
});

it('S40: addresses of every family are not loopback addresses', async () => {
  const rig = await build();
  await start(rig, 'all');
  expect(await call(rig, '127.0.0.1')).toBe('rejected');
  expect(await metric(rig, 'listeners')).toEqual([]);
});
