/**
 * A minute of connections while the proxy works, on the real kernel: TCP from a pod to a cluster IP and from
 * outside to a node port, in both families. None may fail, none may reach a wrong endpoint, and no SYN may be
 * lost (a lost one is sent again after a second, which would hide the gap).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  createModel,
  FAMILIES,
  formatInputProblem,
  type Backend,
  type Family,
  type Model,
  type ObjectEvent,
  type SyncResult,
} from '@signalbox/core';
import {
  connectRow,
  createWorld,
  listenAll,
  mismatches,
  podsOf,
  runCommand,
  whileConnecting,
  type Attempt,
  type ReplayRow,
  type Streams,
  type World,
} from '@signalbox/netns';
import { NODE_ADDRESSES, SCENARIO_CONFIG, seededRandom } from '@signalbox/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileJournal } from '../driver/journal.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import { createNamespacedDriver } from './namespaced-driver.ts';

type Json = Readonly<Record<string, unknown>>;
type PerFamily<T> = Readonly<Record<Family, T>>;

const pod = (number: number): PerFamily<string> => ({
  IPv4: `10.244.1.${number}`,
  IPv6: `fd00:10:244:1::${number}`,
});
const CLIENT = pod(20);
const OUTSIDE: PerFamily<string> = { IPv4: '198.51.100.7', IPv6: '2001:db8:0:c::7' };
const NODE: PerFamily<string> = { IPv4: '192.0.2.10', IPv6: '2001:db8:0:2::10' };
/** Pods that serve `shop/web` by turns. */
const WEB = [5, 6, 7] as const;
/** The pod behind every other service: whoever reaches it through `web` was led astray. */
const STRANGER = 30;
const PORTS = { cluster: 80, node: 30_080, pod: 8080 } as const;
/** Other services, at most. */
const OTHERS = 40;

/** Milliseconds. */
const DURATION = 60_000;
/** What happens in that time at least; on a slow machine it takes longer. */
const LEAST = { rounds: 3, changes: 200, connects: 200 } as const;
const MOST_ROUNDS = 60;
const CHANGES_PER_ROUND = 60;

// --- Objects

function serviceEvent(index: number, more: Json = {}): ObjectEvent {
  const { IPv4, IPv6 } = clusterIPs(index);
  const ports = [{ name: 'http', port: PORTS.cluster, nodePort: PORTS.node + index }];
  const addresses = { clusterIP: IPv4, clusterIPs: [IPv4, IPv6], ipFamilies: ['IPv4', 'IPv6'] };
  const spec = { type: 'NodePort', ...addresses, ports, ...more };
  const object = { metadata: { namespace: 'shop', name: nameOf(index) }, spec, status: {} };
  return { type: 'upsert', resource: 'Service', object };
}

/** Index 0 is the service under test. */
const nameOf = (index: number): string => (index === 0 ? 'web' : `other-${index}`);

function clusterIPs(index: number): PerFamily<string> {
  return { IPv4: `10.96.0.${10 + index}`, IPv6: `fd00:10:96::${(16 + index).toString(16)}` };
}

function slicesOf(index: number, pods: readonly number[]): readonly ObjectEvent[] {
  return FAMILIES.map((family) => {
    const object = {
      metadata: {
        namespace: 'shop',
        name: `${nameOf(index)}-${family.toLowerCase()}`,
        labels: { 'kubernetes.io/service-name': nameOf(index) },
      },
      addressType: family,
      ports: [{ name: 'http', port: PORTS.pod, protocol: 'TCP' }],
      endpoints: pods.map((number) => ({
        addresses: [pod(number)[family]],
        conditions: { ready: true },
        nodeName: SCENARIO_CONFIG.nodeName,
      })),
    };
    return { type: 'upsert', resource: 'EndpointSlice', object };
  });
}

function withSlices(index: number, pods: readonly number[]): readonly ObjectEvent[] {
  return [serviceEvent(index), ...slicesOf(index, pods)];
}

function without(index: number): readonly ObjectEvent[] {
  const slices = FAMILIES.map((family) => `${nameOf(index)}-${family.toLowerCase()}`);
  return [
    { type: 'delete', resource: 'Service', namespace: 'shop', name: nameOf(index) },
    ...slices.map((name): ObjectEvent => ({
      type: 'delete',
      resource: 'EndpointSlice',
      namespace: 'shop',
      name,
    })),
  ];
}

/** One change of one service that is not `web`: it comes, goes, is scaled, or gets other policies. */
function randomChange(random: () => number, alive: Set<number>): readonly ObjectEvent[] {
  const index = 1 + Math.floor(random() * OTHERS);
  if (!alive.has(index)) {
    alive.add(index);
    return withSlices(index, [STRANGER]);
  }
  const kind = random();
  if (kind < 0.35) {
    alive.delete(index);
    return without(index);
  }
  // Nought among them: `web` has neighbours that refuse.
  if (kind < 0.7) return slicesOf(index, [STRANGER, 31, 32].slice(0, Math.floor(random() * 4)));
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const policies = {
    type: pick('ClusterIP', 'NodePort', 'LoadBalancer'),
    internalTrafficPolicy: pick('Cluster', 'Local'),
    externalTrafficPolicy: pick('Cluster', 'Local'),
    sessionAffinity: pick('None', 'ClientIP'),
    externalIPs: pick([], [`203.0.113.${index}`]),
  };
  return [serviceEvent(index, policies)];
}

// --- The proxy

interface Proxy {
  readonly model: Model;
  readonly backends: readonly Backend[];
}

/** What an API server would hold, and the proxy of today. */
interface Cluster {
  readonly world: World;
  readonly journals: string;
  readonly objects: Map<string, ObjectEvent>;
  proxy: Proxy;
}

/** A new process on the node: it knows nothing but its journal, the kernel, and what the API server tells. */
function startProxy({ world, journals, objects }: Omit<Cluster, 'proxy'>): Proxy {
  const model = createModel(SCENARIO_CONFIG);
  model.setInterfaceAddresses(NODE_ADDRESSES);
  for (const event of objects.values()) model.apply(event);
  const backends = FAMILIES.map((family) =>
    createIpvsBackend({
      family,
      driver: createNamespacedDriver({ family, prefix: world.node.prefix, variant: 'legacy' }),
      journal: fileJournal(path.join(journals, `${family}.json`)),
      // Retired real servers go as soon as their last connection is forgotten.
      gracefulScanInterval: 0,
    }),
  );
  return { model, backends };
}

async function syncAll({ model, backends }: Proxy): Promise<readonly SyncResult[]> {
  const results = await Promise.all(backends.map((each) => each.sync(model.build(each.family).change)));
  for (const result of results) expect(result.outcome, JSON.stringify(result, null, 1)).toBe('ok');
  return results;
}

function objectOf(event: ObjectEvent): string {
  if (event.type === 'delete') return `${event.resource} ${event.name}`;
  return `${event.resource} ${(event.object as { metadata: { name: string } }).metadata.name}`;
}

function tell({ objects, proxy }: Cluster, events: readonly ObjectEvent[]): void {
  for (const event of events) {
    if (event.type === 'delete') objects.delete(objectOf(event));
    else objects.set(objectOf(event), event);
    expect(proxy.model.apply(event).map(formatInputProblem)).toEqual([]);
  }
}

async function expectNoDrift({ backends }: Proxy): Promise<void> {
  for (const backend of backends) expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
}

function ipvsadm({ world }: Cluster, ...args: readonly string[]): Promise<string> {
  return runCommand([...world.node.prefix, 'ipvsadm', ...args]);
}

/** Connections that each virtual server of `web` was given: one that is made anew starts at nought. */
async function connectionsGiven(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const text = await ipvsadm(cluster, '-L', '-n', '--stats', '--exact');
  const wanted = FAMILIES.flatMap((family) => {
    const host = (address: string): string => (family === 'IPv6' ? `[${address}]` : address);
    return [`${host(clusterIPs(0)[family])}:${PORTS.cluster}`, `${host(NODE[family])}:${PORTS.node}`];
  });
  const given = new Map<string, number>();
  for (const [, address = '', count] of text.matchAll(/^TCP\s+(\S+)\s+(\d+)/gm)) {
    if (wanted.includes(address)) given.set(address, Number(count));
  }
  expect([...given.keys()].sort(), text).toEqual(wanted.toSorted());
  return given;
}

function expectGrown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  const fewer = [...before].filter(([address, count]) => (after.get(address) ?? -1) < count);
  expect(fewer, 'virtual servers that were made anew').toEqual([]);
}

// --- Streams of connections

type Way = 'cluster-ip' | 'node-port';

function rowOf(way: Way, family: Family, pods: readonly number[]): ReplayRow {
  const inside = way === 'cluster-ip';
  const destinations = pods.map((number) => ({
    address: pod(number)[family],
    port: PORTS.pod,
    masquerade: !inside,
  }));
  return {
    entry: inside ? 'pod' : 'outside',
    packet: {
      protocol: 'TCP',
      source: (inside ? CLIENT : OUTSIDE)[family],
      inInterface: inside ? 'cni0' : 'eth0',
      destination: (inside ? clusterIPs(0) : NODE)[family],
      destinationPort: inside ? PORTS.cluster : PORTS.node,
    },
    expected: { kind: 'forward', destinations },
    sticky: false,
  };
}

function rowsOf(pods: readonly number[]): readonly ReplayRow[] {
  return (['cluster-ip', 'node-port'] as const).flatMap((way) =>
    FAMILIES.map((family) => rowOf(way, family, pods)),
  );
}

/** Source ports that no stream uses. None is used twice: a connection that just ended is still known to the kernel. */
const ports = { next: 32_768 };

/** New connections go to all of these pods, and to no other. */
async function expectServing({ world }: Cluster, pods: readonly number[]): Promise<void> {
  for (const row of rowsOf(pods)) {
    const attempts: Attempt[] = [];
    for (let tries = 0; tries < 12; tries++) {
      attempts.push(...(await connectRow(world, row, { tries: 1, fromPort: ports.next })));
      ports.next += 1;
    }
    expect(mismatches(row, attempts)).toEqual([]);
  }
}

// --- What happens meanwhile

interface Course {
  readonly random: () => number;
  readonly alive: Set<number>;
  changes: number;
}

/** A pod goes out of service, and goes on to accept until the streams are over: who still reaches it is too late. */
async function scaleDown(cluster: Cluster, round: number): Promise<void> {
  const serving = WEB.filter((_, index) => index !== round % WEB.length);
  tell(cluster, slicesOf(0, serving));
  await syncAll(cluster.proxy);
  await expectServing(cluster, serving);
}

async function scaleUp(cluster: Cluster): Promise<void> {
  tell(cluster, slicesOf(0, WEB));
  await syncAll(cluster.proxy);
  await expectServing(cluster, WEB);
}

async function changeOthers(cluster: Cluster, course: Course): Promise<void> {
  for (let done = 0; done < CHANGES_PER_ROUND;) {
    const batch = 1 + Math.floor(course.random() * 4);
    for (let at = 0; at < batch; at++) tell(cluster, randomChange(course.random, course.alive));
    await syncAll(cluster.proxy);
    done += batch;
    course.changes += batch;
  }
}

/** Operations that a sync reports, without what it merely counts. */
function written({ counters }: SyncResult): Readonly<Record<string, number>> {
  const { virtual_servers: _, terminating_real_servers: __, ...operations } = counters;
  return operations;
}

async function restart(cluster: Cluster): Promise<void> {
  for (const backend of cluster.proxy.backends) await backend.close();
  const before = await ipvsadm(cluster, '-Sn');
  cluster.proxy = startProxy(cluster);
  for (const result of await syncAll(cluster.proxy)) {
    // Real servers whose connections have ended meanwhile may go at last.
    const { real_servers_deleted: _, ...operations } = written(result);
    expect(operations).toEqual({});
  }
  const weights = (text: string): readonly string[] =>
    text.split('\n').filter((line) => !line.endsWith(' -w 0'));
  expect(weights(await ipvsadm(cluster, '-Sn')).toSorted()).toEqual(weights(before).toSorted());
}

async function startCluster(): Promise<Cluster> {
  const numbers = [20, STRANGER, ...WEB];
  const world = await createWorld({
    pods: podsOf(numbers.flatMap((number) => Object.values(pod(number)))),
    outside: Object.values(OUTSIDE),
  });
  const serving = [STRANGER, ...WEB].flatMap((number) => Object.values(pod(number)));
  await listenAll(
    world,
    'TCP',
    serving.map((address) => ({ address, port: PORTS.pod })),
  );
  const journals = await mkdtemp(path.join(tmpdir(), 'signalbox-ipvs-continuity-'));
  const objects = new Map<string, ObjectEvent>();
  const cluster = { world, journals, objects, proxy: startProxy({ world, journals, objects }) };
  tell(cluster, [...withSlices(0, WEB), ...withSlices(1, [STRANGER])]);
  await syncAll(cluster.proxy);
  return cluster;
}

const held: { cluster: Cluster | null } = { cluster: null };

beforeAll(async () => {
  held.cluster = await startCluster();
});

afterAll(async () => {
  for (const backend of held.cluster?.proxy.backends ?? []) await backend.close();
  await held.cluster?.world.close();
  await rm(held.cluster?.journals ?? '', { recursive: true, force: true });
});

it('a minute of connections sees no scale-up, scale-down, restart or change of other services', async ({
  annotate,
}) => {
  const cluster = held.cluster as Cluster;
  const course: Course = { random: seededRandom(20_261_121), alive: new Set([1]), changes: 0 };
  await expectServing(cluster, WEB);
  const before = await connectionsGiven(cluster);
  const end = performance.now() + DURATION;
  const done = { rounds: 0 };
  const happen = async (streams: Streams): Promise<void> => {
    const enough = (): boolean =>
      done.rounds >= LEAST.rounds && course.changes >= LEAST.changes && streams.fewest() >= LEAST.connects;
    for (; (performance.now() < end || !enough()) && done.rounds < MOST_ROUNDS; done.rounds++) {
      await scaleDown(cluster, done.rounds);
      if (done.rounds % 2 === 0) await restart(cluster);
      await changeOthers(cluster, course);
      await scaleUp(cluster);
      if (done.rounds % 2 === 1) await restart(cluster);
    }
  };
  const { fewest, problems } = await whileConnecting(cluster.world, rowsOf(WEB), happen, {
    ports: 'counted',
  });
  expect(problems, problems.join('\n')).toEqual([]);
  expect(fewest).toBeGreaterThanOrEqual(LEAST.connects);
  expect(done.rounds).toBeGreaterThanOrEqual(LEAST.rounds);
  expect(course.changes).toBeGreaterThanOrEqual(LEAST.changes);
  await annotate(
    `each stream ${fewest} connections or more; ${course.changes} changes in ${done.rounds} rounds`,
  );
  expectGrown(before, await connectionsGiven(cluster));
  await expectNoDrift(cluster.proxy);
});
