/** A UDP client that keeps sending while the proxy is down and its Service is deleted: a flow that never ends by itself. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startProgram } from './node-processes.ts';
import { createNodeRig, type NodeRig } from './node-rig.ts';

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

const held: { rig: NodeRig | null } = { rig: null };
function rig(): NodeRig {
  if (held.rig === null) throw new Error('the world was not built');
  return held.rig;
}

const write = (...objects: readonly object[]): void => {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  writeFileSync(join(rig().folder, 'objects.yaml'), JSON.stringify(list));
};

beforeAll(async () => {
  held.rig = await createNodeRig([POD, CLIENT]);
  await rig().hostOf(POD).listen('UDP', { address: POD, port: 5353 });
});
afterAll(() => held.rig?.close());

describe('UDP flows of a Service that is deleted while no proxy runs', () => {
  it('S47: end at the next start, to a node port, an external IP and a cluster IP without a known range', async () => {
    write(SERVICE, SLICE);
    const first = rig().startProxy();
    const sender = rig().keep(
      startProgram([...rig().hostOf(CLIENT).prefix, process.execPath, '-e', SENDER, '--', ...FRONTENDS]),
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
    const second = rig().startProxy();
    await eventually(words, are('silent'), () => second.log());
    expect(second.log()).not.toContain('Another signalbox');
  });
});
