import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorld, runCommand, type World } from '@signalbox/netns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startSignalbox, type ProxyProcess } from './node-processes.ts';

const CLIENT = '10.244.1.9';
const POD = '10.244.1.5';
const VIP = { address: '10.96.0.10', port: 80 };
/** Milliseconds: the start alone takes half a minute in User-Mode Linux beside another one. */
const PATIENCE = 500_000;

const OBJECTS = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: ClusterIP
  clusterIP: ${VIP.address}
  clusterIPs: [${VIP.address}]
  ipFamilies: [IPv4]
  ports: [{name: http, port: 80, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints: [{addresses: [${POD}], conditions: {ready: true}, nodeName: node-a}]
`;

interface Rig {
  readonly world: World;
  readonly folder: string;
  readonly proxy: ProxyProcess;
}

const held: { rig: Rig | null } = { rig: null };

beforeAll(async () => {
  const pods = [POD, CLIENT].map((address) => ({
    name: `pod-${address.split('.')[3]}`,
    addresses: [address],
  }));
  const world = await createWorld({ pods, outside: [] });
  const folder = mkdtempSync(join(tmpdir(), 'proxy-uml-'));
  writeFileSync(join(folder, 'web.yaml'), OBJECTS);
  await world.hostOf(POD)?.listen('TCP', { address: POD, port: 8080 });
  const flags = [
    '--proxy-mode=ipvs',
    '--ipvs-scheduler=lc',
    `--manifests=${folder}`,
    '--hostname-override=node-a',
  ];
  held.rig = { world, folder, proxy: startSignalbox(world.node, [...flags, '-v=2']) };
});
afterAll(async () => {
  await held.rig?.proxy.end('SIGKILL');
  await held.rig?.world.close();
  if (held.rig !== null) rmSync(held.rig.folder, { recursive: true, force: true });
});

function rig(): Rig {
  if (held.rig === null) throw new Error('the world was not built');
  return held.rig;
}

async function call(timeout = 10_000): Promise<string> {
  const host = rig().world.hostOf(CLIENT);
  const attempts = await host?.connect({ protocol: 'TCP', from: CLIENT, to: VIP, tries: 1, timeout });
  const [attempt] = attempts ?? [];
  return attempt?.kind === 'answered' ? attempt.endpoint.address : (attempt?.kind ?? 'silent');
}

async function addresses(): Promise<string> {
  return runCommand([...rig().world.node.prefix, 'ip', '-o', 'address']);
}

describe('signalbox in ipvs mode', () => {
  it('F19 F27: carries traffic through a virtual server with the scheduler of the flag', async () => {
    await eventually(
      () => call(1000),
      (who) => who === POD,
      () => rig().proxy.log(),
      PATIENCE,
    );
    const table = await runCommand([...rig().world.node.prefix, 'cat', '/proc/net/ip_vs']);
    // 10.96.0.10:80 in the kernel's hexadecimal.
    expect(table).toMatch(/^TCP {2}0A60000A:0050 lc/m);
  });

  it.each([
    [
      'service address',
      ['addr', 'del', `${VIP.address}/32`, 'dev', 'kube-ipvs0'],
      `address ${VIP.address} is gone`,
    ],
    ['kube-ipvs0 device', ['link', 'del', 'kube-ipvs0'], 'device kube-ipvs0 is gone'],
  ])('restores a deleted %s because the kernel reports the deletion', async (_, deletion, drift) => {
    const { world, proxy } = rig();
    const reported = (): number => proxy.log().split(`drift: ${drift}`).length - 1;
    expect(reported()).toBe(0);
    await runCommand([...world.node.prefix, 'ip', ...deletion]);
    // Verification would find it too, later and without this reason.
    await eventually(
      async () => [await addresses(), reported()] as const,
      ([text, reports]) => text.includes(`inet ${VIP.address}/32`) && reports > 0,
      () => proxy.log(),
      PATIENCE,
    );
    expect(await call()).toBe(POD);
  });

  it('signalbox test shows the endpoint behind a virtual server', async () => {
    const { world, folder } = rig();
    const flags = ['--proxy-mode=ipvs', `--manifests=${folder}`, '--hostname-override=node-a'];
    const words = ['test', '--from=node', '--connections=2', '--timeout=100s', '-o', 'json'];
    const test = startSignalbox(world.node, [...words, ...flags]);
    const status = await test.ended;
    expect([status, test.log()]).toEqual([0, expect.stringContaining('"state": "answered"')]);
    const [, json = ''] = /^(\{\n[\s\S]*\n\})$/m.exec(test.log()) ?? [];
    expect(JSON.parse(json)).toMatchObject({
      results: [{ answered: 2, endpoints: [{ address: POD, port: 8080, connections: 2 }] }],
    });
  });

  it('F88 F90: SIGTERM leaves the virtual servers, --cleanup removes them', async () => {
    const { node } = rig().world;
    expect(await rig().proxy.end('SIGTERM')).toBe(0);
    expect(await call()).toBe(POD);
    const cleanup = startSignalbox(node, ['--cleanup']);
    expect([await cleanup.ended, cleanup.log()]).toEqual([0, expect.stringContaining('mode="ipvs"')]);
    expect(await runCommand([...node.prefix, 'cat', '/proc/net/ip_vs'])).not.toContain('0A60000A');
    expect(await runCommand([...node.prefix, 'ip', 'link'])).not.toContain('kube-ipvs0');
  });
});
