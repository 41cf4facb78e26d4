/** A node whose proxy mode changes while clients connect: the world, its Services, and the connections that are counted. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWorld, listenAll, runCommand, type Host, type ReplayRow, type World } from '@signalbox/netns';
import {
  eventually,
  startApiServer,
  startSignalbox,
  type ApiServer,
  type ProxyProcess,
} from './node-processes.ts';

const POD = '10.244.1.5';
const FLOW_POD = '10.244.1.6';
export const CLIENT = '10.244.1.9';
export const OUTSIDE = '198.51.100.7';
const REMOTE = '10.244.2.7';
export const NODE_IP = '192.0.2.10';
const FLOW_PORT = 9090;

/** How a Service differs from one with an endpoint on this node. */
interface Shape {
  readonly index: number;
  readonly endpoints?: readonly string[];
  readonly spec?: object;
}

export const clusterIP = (index: number): string => `10.96.0.${index}`;
export const balancerIP = (index: number): string => `203.0.113.${index}`;
export const nodePort = (index: number): number => 30_000 + index;

export const WEB: Shape = { index: 10, endpoints: [POD] };
export const EMPTY: Shape = { index: 20 };
export const LOCAL: Shape = { index: 30, endpoints: [REMOTE], spec: { externalTrafficPolicy: 'Local' } };
export const GONE: Shape = { index: 40, endpoints: [POD] };
const GUARDED: Shape = {
  index: 50,
  endpoints: [POD],
  spec: { loadBalancerSourceRanges: [`${OUTSIDE}/32`] },
};
const FLOWS: Shape = { index: 60, endpoints: [FLOW_POD] };
/** Each client keeps the endpoint that it first got. */
const STICKY: Shape = {
  index: 70,
  endpoints: [POD, FLOW_POD, REMOTE],
  spec: { sessionAffinity: 'ClientIP' },
};

function objectsOf({ index, endpoints = [], spec = {} }: Shape): readonly object[] {
  const name = `service-${index}`;
  const isFlows = index === FLOWS.index;
  const target = isFlows ? FLOW_PORT : 8080;
  const port = isFlows ? FLOW_PORT : 80;
  const protocols = isFlows ? ['TCP', 'UDP'] : ['TCP'];
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: {
      type: 'LoadBalancer',
      clusterIP: clusterIP(index),
      clusterIPs: [clusterIP(index)],
      ipFamilies: ['IPv4'],
      ports: protocols.map((protocol) => ({
        name: protocol.toLowerCase(),
        port,
        protocol,
        nodePort: nodePort(index),
      })),
      ...spec,
    },
    status: { loadBalancer: { ingress: [{ ip: balancerIP(index), ipMode: 'VIP' }] } },
  };
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: protocols.map((protocol) => ({ name: protocol.toLowerCase(), port: target, protocol })),
    endpoints: endpoints.map((address) => ({
      addresses: [address],
      conditions: { ready: true },
      nodeName: address === REMOTE ? 'node-b' : 'node-a',
    })),
  };
  return [service, slice];
}

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a' },
  spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] },
  status: { addresses: [{ type: 'InternalIP', address: NODE_IP }] },
};

const forward = (masquerade: boolean): ReplayRow['expected'] => ({
  kind: 'forward',
  destinations: [{ address: POD, port: 8080, masquerade }],
});

/** Every way to a Service that is served all the time. */
export const ROWS: readonly ReplayRow[] = (
  [
    ['pod', CLIENT, clusterIP(WEB.index), 80, false],
    ['pod', CLIENT, NODE_IP, nodePort(WEB.index), true],
    ['pod', CLIENT, balancerIP(WEB.index), 80, true],
    ['node', NODE_IP, clusterIP(WEB.index), 80, true],
    ['node', NODE_IP, balancerIP(WEB.index), 80, true],
    ['outside', OUTSIDE, NODE_IP, nodePort(WEB.index), true],
    ['outside', OUTSIDE, balancerIP(WEB.index), 80, true],
    ['outside', OUTSIDE, balancerIP(GUARDED.index), 80, true],
  ] as const
).map(([entry, source, destination, destinationPort, masquerade]) => ({
  entry,
  packet: { protocol: 'TCP', source, inInterface: null, destination, destinationPort },
  expected: forward(masquerade),
  sticky: false,
}));

export interface ModeRig {
  readonly world: World;
  readonly asker: ApiServer;
  readonly folder: string;
  /** Of every mode. Kubelet's variant of iptables is asked for as often. */
  readonly syncPeriod: string;
  /** Milliseconds between two connections of each row. */
  readonly pace: number;
  /** Where the machine is too slow for it, a SYN may be sent again although no rule dropped it. */
  readonly countsRepeatedSyns: boolean;
  proxy: ProxyProcess | null;
  readonly children: ChildProcess[];
}

export type Speed = Pick<ModeRig, 'syncPeriod' | 'pace' | 'countsRepeatedSyns'>;

export async function buildModeRig(speed: Speed): Promise<ModeRig> {
  const pods = [POD, FLOW_POD, CLIENT, '10.244.1.8'].map((address) => ({
    name: `pod-${address.split('.')[3]}`,
    addresses: [address],
  }));
  const world = await createWorld({ pods, outside: [OUTSIDE, REMOTE] });
  const folder = mkdtempSync(join(tmpdir(), 'proxy-modes-'));
  const asker = startApiServer(world.node);
  const rig: ModeRig = { ...speed, world, folder, asker, proxy: null, children: [] };
  const at = [POD, FLOW_POD, REMOTE].map((address) => ({ address, port: 8080 }));
  await listenAll(world, 'TCP', at);
  writeFileSync(join(folder, 'node.json'), JSON.stringify(NODE));
  for (const shape of [WEB, EMPTY, LOCAL, GONE, GUARDED, FLOWS, STICKY]) write(rig, shape);
  await startChild(rig, FLOW_POD, 'serve', FLOW_POD);
  return rig;
}

export async function closeModeRig(rig: ModeRig): Promise<void> {
  await rig.proxy?.end('SIGKILL');
  for (const child of rig.children) child.kill('SIGKILL');
  rig.asker.close();
  await rig.world.close();
  rmSync(rig.folder, { recursive: true, force: true });
}

/** Replaces the Service, or deletes it. */
export function write({ folder }: ModeRig, shape: Shape, what: 'write' | 'delete' = 'write'): void {
  const objects = what === 'delete' ? [] : objectsOf(shape);
  const file = join(folder, `service-${shape.index}.yaml`);
  writeFileSync(`${file}.new`, objects.map((each) => JSON.stringify(each)).join('\n---\n'));
  renameSync(`${file}.new`, file);
}

function hostOf({ world }: ModeRig, address: string): Host {
  const host = world.hostOf(address);
  if (host === undefined) throw new Error(`no host has ${address}`);
  return host;
}

export const onNode = ({ world }: ModeRig, ...words: readonly string[]): Promise<string> =>
  runCommand([...world.node.prefix, ...words]);

export const get = ({ asker }: ModeRig, path: string): Promise<{ status: number; body: string }> =>
  asker.ask({ op: 'get', url: `http://127.0.0.1:${path}` });

/** The address of the endpoint that answered, `rejected` or `silent`. */
export async function call(rig: ModeRig, from: string, address: string, port = 80): Promise<string> {
  const request = { protocol: 'TCP', from, to: { address, port }, tries: 1, timeout: 300 } as const;
  const [attempt] = await hostOf(rig, from).connect({ ...request, ending: 'reset' });
  return attempt?.kind === 'answered' ? attempt.endpoint.address : (attempt?.kind ?? 'silent');
}

/** The endpoint of each client of the Service with session affinity. */
export async function stickyEndpoints(rig: ModeRig): Promise<readonly string[]> {
  const clients = [
    [CLIENT, clusterIP(STICKY.index)],
    [POD, clusterIP(STICKY.index)],
    [NODE_IP, clusterIP(STICKY.index)],
    [OUTSIDE, balancerIP(STICKY.index)],
  ] as const;
  const answers: string[] = [];
  for (const [from, address] of clients) {
    const answer = await eventually(
      () => call(rig, from, address),
      (text) => STICKY.endpoints?.includes(text) === true,
      () => rig.proxy?.log() ?? '',
    );
    answers.push(`${from} -> ${answer}`);
  }
  return answers;
}

// --- The proxy

export function writeConfig({ folder, syncPeriod }: ModeRig, mode: string): string {
  const periods = { syncPeriod, minSyncPeriod: '50ms' };
  const path = join(folder, 'config.conf');
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    iptables: periods,
    // Of what has ended, virtual servers count the connections as long.
    ipvs: { ...periods, udpTimeout: '5s', tcpFinTimeout: '1s' },
    nftables: periods,
    logging: { verbosity: 2 },
  };
  writeFileSync(`${path}.new`, JSON.stringify(config));
  renameSync(`${path}.new`, path);
  return path;
}

export async function startProxy(rig: ModeRig, mode: string): Promise<void> {
  const config = writeConfig(rig, mode);
  const flags = [`--config=${config}`, `--manifests=${rig.folder}`, '--hostname-override=node-a'];
  rig.proxy = startSignalbox(rig.world.node, flags);
  await eventually(
    () => get(rig, '10256/readyz'),
    ({ status }) => status === 200,
    () => rig.proxy?.log() ?? '',
  );
}

// --- Flows that last

async function startChild(rig: ModeRig, host: string, role: string, address: string): Promise<ChildProcess> {
  const [file = '', ...prefix] = hostOf(rig, host).prefix;
  const script = fileURLToPath(new URL('flow-child.ts', import.meta.url));
  const words = [...prefix, process.execPath, '--no-warnings', script, role, address, String(FLOW_PORT)];
  const child = spawn(file, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  rig.children.push(child);
  await once(child, 'message');
  return child;
}

export interface LastingFlows {
  /** Sends by both until both are answered once more; fails if the connection ends. */
  answered(): Promise<void>;
  end(): void;
}

interface Answers {
  readonly tcp: readonly string[];
  readonly udp: readonly string[];
}

/** A TCP connection and a UDP flow from this host to the cluster IP of a Service. */
export async function openFlows(rig: ModeRig, from: string): Promise<LastingFlows> {
  const child = await startChild(rig, from, 'talk', clusterIP(FLOWS.index));
  const ask = async (): Promise<Answers> => {
    child.send('?');
    const [{ answers }] = (await once(child, 'message')) as [{ answers: Answers }];
    return answers;
  };
  const flows = {
    answered: async () => {
      const before = await ask();
      const after = await eventually(
        ask,
        ({ tcp, udp }) => tcp.length > before.tcp.length + 1 && udp.length > before.udp.length + 1,
        () => rig.proxy?.log() ?? '',
      );
      const wrong = [...after.tcp, ...after.udp].filter((text) => text.replaceAll(FLOW_POD, '') !== '');
      if (wrong.length > 0) throw new Error(`a flow from ${from}: ${wrong.join(', ')}`);
    },
    end: () => child.send('end'),
  };
  await flows.answered();
  return flows;
}
