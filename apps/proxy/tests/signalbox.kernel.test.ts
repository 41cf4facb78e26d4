import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorld, runCommand, type Host, type World } from '@signalbox/netns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KUBEADM_CONFIG } from '../src/testing/kubeadm.ts';
import {
  eventually,
  packedProgram,
  startApiServer,
  startProgram,
  startSignalbox,
  type ApiServer,
  type ProxyProcess,
} from './node-processes.ts';

const VIP = { address: '10.96.0.10', port: 80 };
const PODS = ['10.244.1.5', '10.244.1.6'] as const;
const CLIENT = '10.244.1.9';

/** Requests that never end, to all servers of the proxy. */
const SLOW_CLIENTS = `
let left = 300;
for (let index = 0; index < 300; index += 1) {
  const socket = require('node:net').connect(index % 2 ? 10256 : 10249, '127.0.0.1', () => {
    socket.write('GET /healthz HTTP/1.1\\r\\n');
    if (--left === 0) console.log('connected');
  });
  socket.on('error', () => {});
}
`;

interface Rig {
  readonly world: World;
  readonly api: ApiServer;
  readonly folder: string;
  proxy: ProxyProcess;
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

function slice(...addresses: readonly string[]) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'dns', port: 5353, protocol: 'UDP' },
    ],
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true },
      nodeName: 'node-a',
    })),
  };
}

const OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-a' },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'ClusterIP',
      clusterIP: VIP.address,
      clusterIPs: [VIP.address],
      ipFamilies: ['IPv4'],
      ports: [
        { name: 'http', port: 80, protocol: 'TCP' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
  },
];

const KUBECONFIG = (url: string): string => `apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: ${url}}}]
contexts: [{name: default, context: {cluster: default, user: default}}]
current-context: default
users: [{name: default, user: {}}]
`;

/** kubeadm's file; only the table of connections is not a namespace's to size. */
async function writeConfig({ folder, api }: Pick<Rig, 'folder' | 'api'>): Promise<string> {
  const kubeconfig = join(folder, 'kubeconfig.conf');
  writeFileSync(kubeconfig, KUBECONFIG(await api.ask<string>({ op: 'url' })));
  const config = join(folder, 'config.conf');
  const text = KUBEADM_CONFIG.replace('/var/lib/kube-proxy/kubeconfig.conf', kubeconfig);
  writeFileSync(config, text.replace('maxPerCore: null', 'maxPerCore: 0'));
  return config;
}

function startProxy(config: string): ProxyProcess {
  return startSignalbox(rig().world.node, [`--config=${config}`, '--hostname-override=node-a', '-v=2']);
}

const get = (path: string): Promise<{ status: number; body: string }> =>
  rig().api.ask({ op: 'get', url: `http://127.0.0.1:${path}` });

const ready = (): Promise<unknown> =>
  eventually(
    () => get('10256/readyz'),
    ({ status }) => status === 200,
    () => rig().proxy.log(),
  );

/** Who answered: an endpoint's address, `rejected` or `silent`. */
async function call(timeout = 10_000): Promise<string> {
  const [attempt] = await pod(CLIENT).connect({ protocol: 'TCP', from: CLIENT, to: VIP, tries: 1, timeout });
  return attempt?.kind === 'answered' ? attempt.endpoint.address : (attempt?.kind ?? 'silent');
}

/** Connection after connection until stopped; the endpoint that answered each. */
function stream(): { stop(): Promise<readonly string[]> } {
  const seen: string[] = [];
  const state = { going: true };
  const run = async (): Promise<void> => {
    while (state.going) seen.push(await call());
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

const put = (object: object): Promise<unknown> => rig().api.ask({ op: 'put', object });

beforeAll(async () => {
  const world = await createWorld({
    pods: [...PODS, CLIENT].map((address) => ({
      name: `pod-${address.split('.')[3]}`,
      addresses: [address],
    })),
    outside: [],
  });
  const folder = mkdtempSync(join(tmpdir(), 'proxy-kernel-'));
  const api = startApiServer(world.node);
  held.rig = { world, folder, api, proxy: undefined as never };
  for (const address of PODS) {
    await pod(address).listen('TCP', { address, port: 8080 });
    await pod(address).listen('UDP', { address, port: 5353 });
  }
  for (const object of [...OBJECTS, slice(PODS[0])]) await put(object);
  rig().proxy = startProxy(await writeConfig(rig()));
  await ready();
});
afterAll(async () => {
  if (held.rig === null) return;
  await held.rig.proxy.end('SIGKILL');
  held.rig.api.close();
  await held.rig.world.close();
  rmSync(held.rig.folder, { recursive: true, force: true });
});

describe('signalbox on a node, with the configuration of kubeadm', () => {
  it('F1 F104 F124: carries traffic, shows its mode, and posts the Event Starting', async () => {
    expect(await call()).toBe(PODS[0]);
    expect(await get('10249/proxyMode')).toEqual({ status: 200, body: 'iptables' });
    const events = await eventually(
      () =>
        rig().api.ask<{ reason: string; reportingController: string; regarding: object }[]>({ op: 'events' }),
      (all) => all.some(({ reason }) => reason === 'Starting'),
      () => rig().proxy.log(),
    );
    // kubeadm leaves the mode blank, which has an Event of its own.
    expect(events.find(({ reason }) => reason === 'Starting')).toMatchObject({
      reportingController: 'kube-proxy',
      regarding: { kind: 'Node', name: 'node-a' },
    });
  });

  it('S40: sets route_localnet, and answers probes on every address', async () => {
    const set = await runCommand([
      ...rig().world.node.prefix,
      'cat',
      '/proc/sys/net/ipv4/conf/all/route_localnet',
    ]);
    expect(set.trim()).toBe('1');
    const answer = await rig().api.ask<{ status: number }>({
      op: 'get',
      url: 'http://192.0.2.10:10256/healthz',
    });
    expect(answer.status).toBe(200);
  });

  it('follows its endpoints, and refuses when none is left', async () => {
    await put(slice(PODS[1]));
    await eventually(call, (who) => who === PODS[1]);
    await put(slice());
    await eventually(call, (who) => who === 'rejected');
    await put(slice(PODS[0]));
    await eventually(call, (who) => who === PODS[0]);
  });

  it('F168 S46: deletes UDP flows to a removed endpoint', async () => {
    const request = {
      protocol: 'UDP',
      from: CLIENT,
      to: { ...VIP, port: 53 },
      tries: 3,
      timeout: 10_000,
    } as const;
    const attempts = await pod(CLIENT).connect(request);
    expect(attempts.map((attempt) => attempt.kind)).toEqual(['answered', 'answered', 'answered']);
    await put(slice(PODS[1]));
    const deleted = /^kubeproxy_conntrack_reconciler_deleted_entries_total\{ip_family="IPv4"\} (\d+)$/m;
    const count = async (): Promise<number> =>
      Number(deleted.exec((await get('10249/metrics')).body)?.[1] ?? 0);
    await eventually(
      count,
      (entries) => entries >= 3,
      () => rig().proxy.log(),
    );
    await put(slice(PODS[0]));
    await eventually(call, (who) => who === PODS[0]);
  });

  it('F128: no connection fails while the API server is away, and no update is lost when it is back', async () => {
    const traffic = stream();
    await rig().api.ask({ op: 'stop' });
    await put(slice(PODS[1]));
    await rig().api.ask({ op: 'compact' });
    await call();
    await rig().api.ask({ op: 'start' });
    await eventually(
      call,
      (who) => who === PODS[1],
      () => rig().proxy.log(),
    );
    await rig().api.ask({ op: 'break' });
    await put(slice(PODS[0]));
    await eventually(
      call,
      (who) => who === PODS[0],
      () => rig().proxy.log(),
    );
    const seen = await traffic.stop();
    expect(new Set(seen)).toEqual(new Set(PODS));
    expect(seen.length).toBeGreaterThan(10);
  });

  it('the second of two instances on one node logs that', async () => {
    const second = startProxy(join(rig().folder, 'config.conf'));
    await eventually(
      () => Promise.resolve(second.log()),
      (log) => log.includes('Another signalbox runs in this network namespace') && log.includes('is in use'),
    );
    await second.end('SIGTERM');
  });

  it('F90: SIGTERM ends it with 0 and leaves the rules; a killed one starts again without a lost connection', async () => {
    expect(await rig().proxy.end('SIGTERM')).toBe(0);
    expect(await call()).toBe(PODS[0]);
    const traffic = stream();
    const config = join(rig().folder, 'config.conf');
    rig().proxy = startProxy(config);
    await ready();
    await rig().proxy.end('SIGKILL');
    await put(slice(PODS[1]));
    rig().proxy = startProxy(config);
    await ready();
    await eventually(call, (who) => who === PODS[1]);
    expect(rig().proxy.log(), 'the lock of the killed one').not.toContain('Another signalbox');
    const seen = await traffic.stop();
    expect(new Set(seen)).toEqual(new Set(PODS));
  });

  it('syncs and answers probes while slow clients hold more connections than it may open files', async () => {
    const { node } = rig().world;
    await rig().proxy.end('SIGTERM');
    const flags = [`--config=${join(rig().folder, 'config.conf')}`, '--hostname-override=node-a', '-v=2'];
    const limited = ['sh', '-c', 'ulimit -n 128; exec "$@"', 'sh', ...packedProgram(), ...flags];
    rig().proxy = startProgram([...node.prefix, ...limited]);
    await ready();
    const slow = startProgram([...node.prefix, process.execPath, '-e', SLOW_CLIENTS]);
    await eventually(
      () => Promise.resolve(slow.log()),
      (log) => log.includes('connected'),
    );
    for (const endpoint of [PODS[0], PODS[1]]) {
      await put(slice(endpoint));
      await eventually(call, (who) => who === endpoint);
      expect((await get('10256/healthz')).status).toBe(200);
    }
    expect(rig().proxy.log()).not.toMatch(/EMFILE|Sync failed/);
    await slow.end('SIGKILL');
  });

  it('does not open the inspector of Node.js for SIGUSR1, and goes on', async () => {
    const { pid } = rig().proxy;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    const programs = children.filter((child) =>
      readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('node'),
    );
    for (const each of [pid, ...programs.map(Number)]) process.kill(each, 'SIGUSR1');
    await put(slice(PODS[0]));
    await eventually(call, (who) => who === PODS[0]);
    await put(slice(PODS[1]));
    await eventually(call, (who) => who === PODS[1]);
    // 9229 in hexadecimal, listening.
    expect(readFileSync(`/proc/${pid}/net/tcp`, 'utf8')).not.toMatch(/:240D [0-9A-F:]+ 0A/);
  });

  // After the streams: connections made while the rules are gone stay in the connection table for two minutes,
  // and a later one that happens to get the same source port would follow them.
  it('S58: repairs rules that another process removed', async () => {
    await runCommand([...rig().world.node.prefix, 'iptables', '-t', 'nat', '-F', 'PREROUTING']);
    await eventually(
      () => call(300),
      (who) => who === PODS[1],
      () => rig().proxy.log(),
    );
    await eventually(
      () => Promise.resolve(rig().proxy.log()),
      (log) => log.includes('Repaired rules modified by another process'),
    );
  });

  it('F4 F92: --init-only sets what needs privileges, and ends with 0', async () => {
    const { node } = rig().world;
    await runCommand([...node.prefix, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/conf/all/route_localnet']);
    const init = startSignalbox(node, [`--config=${join(rig().folder, 'config.conf')}`, '--init-only']);
    expect([await init.ended, init.log()]).toEqual([0, '']);
    const set = await runCommand([...node.prefix, 'cat', '/proc/sys/net/ipv4/conf/all/route_localnet']);
    expect(set.trim()).toBe('1');
  });

  it('F3 F86 F87 F89: --cleanup removes the rules of every mode, and only those', async () => {
    const { node } = rig().world;
    await rig().proxy.end('SIGTERM');
    await runCommand([
      ...node.prefix,
      'iptables',
      '-t',
      'nat',
      '-A',
      'PREROUTING',
      '-d',
      '203.0.113.99',
      '-j',
      'ACCEPT',
    ]);
    await runCommand([...node.prefix, 'nft', 'add', 'table', 'ip', 'kube-proxy']);
    const cleanup = startSignalbox(node, ['--cleanup']);
    expect([await cleanup.ended, cleanup.log()]).toEqual([0, expect.stringContaining('Removed')]);
    const rules = await runCommand([...node.prefix, 'iptables-save']);
    expect(rules).not.toMatch(/KUBE-(SERVICES|SVC|SEP|NODEPORTS|POSTROUTING|MARK-MASQ|PROXY)/);
    expect(rules).toContain('203.0.113.99');
    expect(await runCommand([...node.prefix, 'nft', 'list', 'tables'])).not.toContain('kube-proxy');
    expect(await call(300)).toBe('silent');
  });
});
