/** A UDP client that keeps sending while the proxy is down and its Service is deleted: a flow that never ends by itself. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorld, type Host, type World } from '@signalbox/netns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startProgram, startSignalbox, type ProxyProcess } from './node-processes.ts';

const POD = '10.244.1.5';
const CLIENT = '10.244.1.9';

/** Cluster IP, external IP, node port. */
const FRONTENDS = ['10.96.0.77:53', '203.0.113.80:53', '192.0.2.10:30053'];

/** Sends to each address from one port; prints `ADDRESS answered` and, after a second without an answer, `ADDRESS silent`. */
const SENDER = `
for (const address of process.argv.slice(1)) {
  const [host, port] = address.split(':');
  const socket = require('node:dgram').createSocket('udp4');
  const state = { word: '', unanswered: 0 };
  const report = (word) => {
    if (word !== state.word) console.log(address, word);
    state.word = word;
  };
  socket.on('message', () => {
    state.unanswered = 0;
    report('answered');
  });
  socket.on('error', () => {});
  setInterval(() => {
    state.unanswered += 1;
    if (state.unanswered > 40) report('silent');
    socket.send('x', Number(port), host, () => {});
  }, 25);
}
`;

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'dns', namespace: 'default' },
  spec: {
    type: 'NodePort',
    clusterIP: '10.96.0.77',
    clusterIPs: ['10.96.0.77'],
    externalIPs: ['203.0.113.80'],
    ipFamilies: ['IPv4'],
    ports: [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: 30_053 }],
  },
};
const SLICE = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'dns-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'dns' } },
  addressType: 'IPv4',
  ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }],
  endpoints: [{ addresses: [POD], conditions: { ready: true }, nodeName: 'node-a' }],
};

interface Rig {
  readonly world: World;
  readonly folder: string;
  readonly running: ProxyProcess[];
}

const held: { rig: Rig | null } = { rig: null };
function rig(): Rig {
  if (held.rig === null) throw new Error('the world was not built');
  return held.rig;
}

function pod(address: string): Host {
  const host = rig().world.hostOf(address);
  if (host === undefined) throw new Error(`no host has ${address}`);
  return host;
}

function start(process: ProxyProcess): ProxyProcess {
  rig().running.push(process);
  return process;
}

function startProxy(): ProxyProcess {
  const flags = [`--manifests=${rig().folder}`, '--hostname-override=node-a', '-v=2'];
  return start(startSignalbox(rig().world.node, flags));
}

const write = (...objects: readonly object[]): void => {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  writeFileSync(join(rig().folder, 'objects.yaml'), JSON.stringify(list));
};

beforeAll(async () => {
  const pods = [POD, CLIENT].map((address) => ({
    name: `pod-${address.split('.')[3]}`,
    addresses: [address],
  }));
  const world = await createWorld({ pods, outside: [] });
  held.rig = { world, folder: mkdtempSync(join(tmpdir(), 'stale-flows-')), running: [] };
  await pod(POD).listen('UDP', { address: POD, port: 5353 });
});
afterAll(async () => {
  if (held.rig === null) return;
  await Promise.all(held.rig.running.map((each) => each.end('SIGKILL')));
  await held.rig.world.close();
  rmSync(held.rig.folder, { recursive: true, force: true });
});

describe('UDP flows of a Service that is deleted while no proxy runs', () => {
  it('S47: end at the next start, to a node port, an external IP and a cluster IP without a known range', async () => {
    write(SERVICE, SLICE);
    const first = startProxy();
    const sender = start(
      startProgram([...pod(CLIENT).prefix, process.execPath, '-e', SENDER, '--', ...FRONTENDS]),
    );
    const words = (): Promise<readonly string[]> => {
      const lines = sender.log().split('\n');
      const last = (address: string): string => lines.findLast((line) => line.startsWith(address)) ?? '';
      return Promise.resolve(FRONTENDS.map((address) => last(address).split(' ')[1] ?? ''));
    };
    const are = (word: string) => (each: readonly string[]) => each.every((one) => one === word);
    await eventually(words, are('answered'), () => first.log());
    const namespace = statSync(`/proc/${first.pid}/ns/net`).ino;
    const record = `/run/signalbox/frontends-${namespace}-ipv4.json`;
    await eventually(
      () => Promise.resolve(existsSync(record) ? readFileSync(record, 'utf8') : ''),
      (text) => text.includes('203.0.113.80'),
      () => first.log(),
    );
    await first.end('SIGKILL');
    write();
    expect(await words(), 'rules stay, and flows go on').toEqual(FRONTENDS.map(() => 'answered'));
    const second = startProxy();
    await eventually(words, are('silent'), () => second.log());
    expect(second.log()).not.toContain('Another signalbox');
  });
});
