/** `signalbox test` on a node with real Services: from the node and from a temporary pod, in both families. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProbeResult } from '../src/connectivity/probe-report.ts';
import { eventually, startSignalbox, type ProxyProcess } from './node-processes.ts';
import { createNodeRig, type NodeRig } from './node-rig.ts';

const PODS = ['10.244.1.5', '10.244.1.6', 'fd00:10:244:1::5', 'fd00:10:244:1::6'] as const;

function service(name: string, last: number, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: {
      clusterIP: `10.96.0.${last}`,
      clusterIPs: [`10.96.0.${last}`, `fd00:10:96::${last}`],
      ipFamilies: ['IPv4', 'IPv6'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      ...spec,
    },
  };
}

function slice(name: string, addresses: readonly string[], protocol = 'TCP'): object {
  const family = addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4';
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${family.toLowerCase()}`,
      namespace: 'shop',
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: family,
    ports: [{ name: 'http', port: 8080, protocol }],
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true },
      nodeName: 'node-a',
    })),
  };
}

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a' },
  spec: { podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'] },
  status: {
    addresses: [
      { type: 'InternalIP', address: '192.0.2.10' },
      { type: 'InternalIP', address: '2001:db8:0:2::10' },
    ],
  },
};

const NODE_PORT = {
  type: 'NodePort',
  ports: [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' }],
};

const OBJECTS = [
  NODE,
  service('web', 10, NODE_PORT),
  slice('web', PODS.slice(0, 2)),
  slice('web', PODS.slice(2)),
  service('empty', 20),
  service('echo', 30, { ports: [{ name: 'http', port: 53, protocol: 'UDP' }] }),
  slice('echo', PODS.slice(0, 1), 'UDP'),
  slice('echo', PODS.slice(2, 3), 'UDP'),
  // The endpoint is a pod of the node where no program listens on the port: it stays silent.
  service('closed', 40),
  slice('closed', ['10.244.1.6']),
];
const CLOSED_PORT = 9999;

const held: { rig: NodeRig | null } = { rig: null };
function rig(): NodeRig {
  if (held.rig === null) throw new Error('the world was not built');
  return held.rig;
}

beforeAll(async () => {
  const made = await createNodeRig(PODS);
  held.rig = made;
  const closed = JSON.stringify(OBJECTS.at(-1)).replace('8080', String(CLOSED_PORT));
  const files = [...OBJECTS.slice(0, -1).map((object) => JSON.stringify(object)), closed];
  for (const [index, text] of files.entries()) writeFileSync(join(made.folder, `${index}.json`), text);
  for (const address of PODS) await made.hostOf(address).listen('TCP', { address, port: 8080 });
  for (const address of [PODS[0], PODS[2]]) await made.hostOf(address).listen('UDP', { address, port: 8080 });
  await made.startReadyProxy('--proxy-mode=nftables', '--detect-local-mode=NodeCIDR');
}, 120_000);

afterAll(async () => {
  await held.rig?.close();
}, 60_000);

function startTest(...words: readonly string[]): ProxyProcess {
  const { folder, world } = rig();
  const flags = [`--manifests=${folder}`, '--hostname-override=node-a', '--detect-local-mode=NodeCIDR'];
  const process = startSignalbox(world.node, ['test', '--proxy-mode=nftables', ...flags, ...words]);
  return rig().keep(process);
}

interface Answer {
  readonly results: readonly ProbeResult[];
  readonly skipped: readonly string[];
}

async function test(...words: readonly string[]): Promise<{ status: unknown; answer: Answer }> {
  const process = startTest('-o', 'json', '--timeout=20s', ...words);
  const status = await process.ended;
  const log = process.log();
  const json = log.slice(log.indexOf('{\n'), log.lastIndexOf('}') + 1);
  if (json === '') throw new Error(`no answer: ${log}`);
  return { status, answer: JSON.parse(json) as Answer };
}

/** Interfaces of the node that a temporary pod could have left. */
async function links(): Promise<readonly string[]> {
  const lines = (await rig().onNode('ip', '-o', 'link', 'show', 'type', 'veth')).split('\n');
  return lines.map((line) => line.split(': ')[1] ?? '').filter((name) => name.startsWith('sb'));
}

describe('signalbox test', () => {
  it('connects from the node and from a pod, in both families, and shows which endpoints answered', async () => {
    const { status, answer } = await test('shop/web', '--connections=20');
    expect(answer.skipped).toEqual([]);
    expect(status).toBe(0);
    const rows = answer.results.map(
      ({ caller, kind, address, port, state }) => `${caller} ${kind} ${address} ${port} ${state}`,
    );
    const targets = [
      'ClusterIP 10.96.0.10 80',
      'NodePort 192.0.2.10 30080',
      'ClusterIP fd00:10:96::10 80',
      'NodePort 2001:db8:0:2::10 30080',
    ];
    expect(rows).toEqual(targets.flatMap((at) => [`node ${at} answered`, `pod ${at} answered`]));
    for (const { family, endpoints } of answer.results) {
      const expected = family === 'IPv4' ? PODS.slice(0, 2) : PODS.slice(2);
      expect(endpoints.map(({ address, port }) => [address, port])).toEqual(
        expected.map((address) => [address, 8080]),
      );
      expect(endpoints.reduce((sum, { connections }) => sum + connections, 0)).toBe(20);
    }
    expect(await links()).toEqual([]);
  }, 120_000);

  it.each([
    [['--detect-local-mode=BridgeInterface', '--pod-bridge-interface=cni0']],
    [['--detect-local-mode=InterfaceNamePrefix', '--pod-interface-name-prefix=veth']],
  ])(
    'connects from a pod that the node recognises by its interface: %j',
    async (flags) => {
      // As a CNI plugin with a bridge has it; the pods of this world have host routes.
      for (const cidr of NODE.spec.podCIDRs)
        await rig().onNode('ip', 'route', 'replace', cidr, 'dev', 'cni0');
      const { answer } = await test('shop/web', '--from=pod', '--connections=2', ...flags);
      const states = answer.results.map(({ caller, family, kind, state }) => [caller, family, kind, state]);
      expect(states).toEqual(
        ['IPv4', 'IPv6'].flatMap((family) => [
          ['pod', family, 'ClusterIP', 'answered'],
          ['pod', family, 'NodePort', 'answered'],
        ]),
      );
      for (const { kind, expected } of answer.results)
        if (kind === 'ClusterIP') expect(expected.reason).toContain('from a pod of this node');
    },
    120_000,
  );

  it('counts a datagram that was answered, with its endpoint', async () => {
    const { status, answer } = await test('shop/echo', '--connections=2');
    expect(status).toBe(0);
    expect(answer.results.map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => 'answered'));
    expect(answer.results[0]?.endpoints).toEqual([{ address: PODS[0], port: 8080, connections: 2 }]);
  }, 120_000);

  it('S23: ends with 2 where a Service has no endpoints, and gives the reason', async () => {
    const process = startTest('shop/empty', '--connections=1', '--from=node');
    expect(await process.ended).toBe(2);
    expect(process.log()).toMatch(/node +ClusterIP +10\.96\.0\.20:80\/tcp +0\/1 answered/);
    expect(process.log()).toMatch(/1 refused; as the rules say: .*no usable endpoint exists.* \(S23\)/);
  }, 120_000);

  it('ends with 2 where an endpoint does not answer, though the rules forward to it', async () => {
    const process = startTest('shop/closed', '--connections=1', '--timeout=1s', '--from=node');
    expect(await process.ended).toBe(2);
    expect(process.log()).toMatch(/1 without an answer; the rules forward them: .* \(S\d+\)/);
  }, 120_000);

  it('leaves no namespace and no interface when it is interrupted', async () => {
    const process = startTest('shop/closed', '--timeout=60s', '--from=pod');
    const made = await eventually(
      links,
      (names) => names.length === 1,
      () => process.log(),
    );
    expect(await process.end('SIGINT')).not.toBe(0);
    await eventually(links, (names) => names.length === 0);
    const routes = await rig().onNode('ip', 'route', 'show');
    expect(routes).not.toContain(made[0] ?? 'no link');
  }, 120_000);
});
