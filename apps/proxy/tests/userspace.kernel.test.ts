/** userspace mode as it ships: changes to and from a mode with rules, the end of the process, and without privileges. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createWorld, type Host, type World } from '@signalbox/netns';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Kind } from './mode-changes.ts';
import { describeChanges, useModeRig } from './mode-suite.ts';
import { onNode, ROWS } from './mode-world.ts';
import { eventually, packedProgram, startProgram } from './node-processes.ts';

const execute = promisify(execFile);

/** Output of a command in the node's namespaces. */
async function onTheNode(...words: readonly string[]): Promise<string> {
  const [file = '', ...args] = [...node().prefix, ...words];
  return (await execute(file, args)).stdout;
}

const IPTABLES: Kind = {
  name: 'iptables',
  mode: 'iptables',
  remains: async (on) => [...(await onNode(on, 'iptables-save')).matchAll(/^:KUBE-SVC-\S+/gm)].map(String),
};

/** Port 80 in state LISTEN. Open connections keep the device, but accept nothing. */
const LISTENING = /^ *\d+: [0-9A-F]{8}:0050 \S+ 0A /gm;

const USERSPACE: Kind = {
  name: 'userspace',
  mode: 'userspace',
  takesNoAffinity: true,
  givesNoAffinity: true,
  remains: async (on) => [...(await onNode(on, 'cat', '/proc/net/tcp')).matchAll(LISTENING)].map(String),
  // Endpoints always see the node.
  rows: ROWS.filter(({ expected }) => expected.kind === 'forward' && expected.destinations[0]?.masquerade),
};

describe('a change of modes in the running process', () => {
  const rig = useModeRig({ syncPeriod: '3s', pace: 10, countsRepeatedSyns: true }, () => Promise.resolve());
  describeChanges([IPTABLES, USERSPACE], rig, ['live']);

  it('removes the device when the last connection has ended', async () => {
    const links = (): Promise<string> => onNode(rig(), 'ip', '-o', 'link');
    await eventually(
      links,
      (text) => !text.includes('kube-userspace0'),
      () => rig().proxy?.log() ?? '',
    );
  });
});

const POD = '10.244.1.5';
const CLIENT = '10.244.1.9';

const OBJECTS = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: NodePort, clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 8080, nodePort: 30080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080, protocol: TCP}]
endpoints: [{addresses: [${POD}], conditions: {ready: true}, nodeName: node-a}]
`;

const held: { world: World | null; folder: string } = { world: null, folder: '' };

function host(address: string): Host {
  const found = held.world?.hostOf(address);
  if (found === undefined) throw new Error(`no host has ${address}`);
  return found;
}

const node = (): Host => host('192.0.2.10');

async function answers(from: string, address: string, port: number): Promise<boolean> {
  const request = { protocol: 'TCP', from, to: { address, port }, tries: 1, timeout: 2000 } as const;
  const [attempt] = await host(from).connect(request);
  return attempt?.kind === 'answered';
}

describe('userspace mode', () => {
  beforeEach(async () => {
    held.folder = mkdtempSync(join(tmpdir(), 'proxy-userspace-'));
    chmodSync(held.folder, 0o755);
    writeFileSync(join(held.folder, 'objects.yaml'), OBJECTS);
    const pods = [POD, CLIENT].map((address) => ({ name: `pod-${address.at(-1)}`, addresses: [address] }));
    held.world = await createWorld({ pods, outside: ['198.51.100.7'] });
    await host(POD).listen('TCP', { address: POD, port: 8080 });
  });
  afterEach(async () => {
    await held.world?.close();
    rmSync(held.folder, { recursive: true });
  });

  const flags = (...more: readonly string[]): readonly string[] => [
    '--proxy-mode=userspace',
    `--manifests=${held.folder}`,
    '--hostname-override=node-a',
    ...more,
  ];

  it('leaves its addresses when it is killed, where connections are refused, and serves again', async () => {
    const { prefix } = node();
    for (let life = 0; life < 2; life++) {
      const proxy = startProgram([...prefix, ...packedProgram(), ...flags()]);
      await eventually(
        () => answers(CLIENT, '10.96.0.10', 8080),
        Boolean,
        () => proxy.log(),
      );
      await proxy.end('SIGKILL');
      const to = { address: '10.96.0.10', port: 8080 };
      const [after] = await host(CLIENT).connect({
        protocol: 'TCP',
        from: CLIENT,
        to,
        tries: 1,
        timeout: 10_000,
      });
      expect(after).toMatchObject({ kind: 'rejected', code: 'ECONNREFUSED' });
    }
    await onTheNode(...packedProgram(), '--cleanup');
    expect(await onTheNode('ip', '-o', 'link')).not.toContain('kube-userspace0');
  });

  it('serves node ports and mapped cluster IPs as a user without privileges', async (context) => {
    const drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
    const { prefix } = node();
    const able = await onTheNode(...drop, process.execPath, '--version').catch((error: Error) => error);
    if (able instanceof Error) context.skip(`no process of another user here: ${able.message}`);
    const map = '--userspace-map=10.96.0.0/16=127.96.0.0/16';
    const accessLog = join(held.folder, 'access.log');
    writeFileSync(accessLog, '');
    chmodSync(accessLog, 0o666);
    const logged = `--userspace-access-log=${accessLog}`;
    const proxy = startProgram([...prefix, ...drop, ...packedProgram(), ...flags(map, logged)]);
    await eventually(
      () => answers('127.0.0.1', '127.96.0.10', 8080),
      Boolean,
      () => proxy.log(),
    );
    await eventually(
      () => answers('198.51.100.7', '192.0.2.10', 30080),
      Boolean,
      () => proxy.log(),
    );
    await eventually(
      () => answers('127.0.0.1', '127.0.0.1', 30080),
      Boolean,
      () => proxy.log(),
    );
    expect(await proxy.end('SIGTERM')).toBe(0);
    const lines = readFileSync(accessLog, 'utf8').trimEnd().split('\n');
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const frontend of ['127.96.0.10:8080', '192.0.2.10:30080', '127.0.0.1:30080'])
      expect(records).toContainEqual(expect.objectContaining({ frontend, endpoint: `${POD}:8080` }));
    expect(proxy.log().match(/needs CAP_NET_ADMIN/g)).toHaveLength(1);
    expect(proxy.log()).not.toContain('Rules of earlier modes not removed');
  });
});
