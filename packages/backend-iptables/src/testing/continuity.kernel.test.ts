/**
 * Connections while the rules change, on the real kernel: streams of TCP connects from a pod to a cluster IP
 * and from outside to a node port, in both families. None may fail, none may reach a wrong endpoint, and no
 * SYN may be lost (a lost one is sent again after a second, which would hide the gap).
 */
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
  formatAttempts,
  listenAll,
  mismatches,
  podsOf,
  runCommand,
  whileConnecting,
  type ReplayRow,
  type Streams,
  type World,
} from '@signalbox/netns';
import { NODE_ADDRESSES, SCENARIO_CONFIG, seededRandom } from '@signalbox/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExecDriver } from '../driver/exec-driver.ts';
import type { Variant } from '../driver/iptables-driver.ts';
import { createIptablesBackend } from '../iptables-backend.ts';

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
const WEB_PORTS = { cluster: 80, node: 30_080, pod: 8080 } as const;
/** Neighbours of `web` in the dispatch trees, enough to split and merge the branch in which it is. */
const OTHERS = 64;
/** Each sync of the legacy variant copies the whole table, so there are fewer changes; they come less bundled. */
const CHANGES = { nft: { count: 1000, perSync: 18 }, legacy: { count: 200, perSync: 3 } } as const;
/** Connections that each stream makes at least while something happens; the happening goes on until then. */
const CONNECTS = 100;

// --- Objects

function serviceEvent(name: string, spec: Json): ObjectEvent {
  const object = { metadata: { namespace: 'shop', name }, spec, status: {} };
  return { type: 'upsert', resource: 'Service', object };
}

function sliceEvent(service: string, family: Family, pods: readonly number[]): ObjectEvent {
  const object = {
    metadata: {
      namespace: 'shop',
      name: `${service}-${family.toLowerCase()}`,
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: family,
    ports: [{ name: 'http', port: WEB_PORTS.pod, protocol: 'TCP' }],
    endpoints: pods.map((number) => ({
      addresses: [pod(number)[family]],
      conditions: { ready: true },
      nodeName: SCENARIO_CONFIG.nodeName,
    })),
  };
  return { type: 'upsert', resource: 'EndpointSlice', object };
}

const slicesOf = (service: string, pods: readonly number[]): readonly ObjectEvent[] =>
  FAMILIES.map((family) => sliceEvent(service, family, pods));

function clusterIPs(index: number): PerFamily<string> {
  return { IPv4: `10.96.0.${10 + index}`, IPv6: `fd00:10:96::${(16 + index).toString(16)}` };
}

/** Index 0 is `web`, the service under test. */
function spec(index: number, more: Json = {}): Json {
  const { IPv4, IPv6 } = clusterIPs(index);
  const ports = [{ name: 'http', port: WEB_PORTS.cluster, nodePort: WEB_PORTS.node + index }];
  const addresses = { clusterIP: IPv4, clusterIPs: [IPv4, IPv6], ipFamilies: ['IPv4', 'IPv6'] };
  return { type: 'NodePort', ...addresses, ports, ...more };
}

function web(pods: readonly number[]): readonly ObjectEvent[] {
  return [serviceEvent('web', spec(0)), ...slicesOf('web', pods)];
}

function other(index: number): readonly ObjectEvent[] {
  return [serviceEvent(`other-${index}`, spec(index)), ...slicesOf(`other-${index}`, [STRANGER])];
}

function withoutOther(index: number): readonly ObjectEvent[] {
  const slices = FAMILIES.map(
    (family) => ['EndpointSlice', `other-${index}-${family.toLowerCase()}`] as const,
  );
  const all = [['Service', `other-${index}`] as const, ...slices];
  return all.map(([resource, name]) => ({ type: 'delete', resource, namespace: 'shop', name }));
}

/** One change of one service that is not `web`: it comes, goes, is scaled, or gets other policies. */
function randomChange(
  random: () => number,
  alive: Set<number>,
  mood: 'grow' | 'shrink',
): readonly ObjectEvent[] {
  const index = 1 + Math.floor(random() * OTHERS);
  if (!alive.has(index)) {
    alive.add(index);
    return other(index);
  }
  const kind = random();
  if (kind < (mood === 'grow' ? 0.1 : 0.7)) {
    alive.delete(index);
    return withoutOther(index);
  }
  // Nought among them: `web` has neighbours that refuse.
  const count = Math.floor(random() * 4);
  if (kind < 0.85) return slicesOf(`other-${index}`, [STRANGER, 31, 32].slice(0, count));
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const policies = {
    type: pick('ClusterIP', 'NodePort', 'LoadBalancer'),
    internalTrafficPolicy: pick('Cluster', 'Local'),
    externalTrafficPolicy: pick('Cluster', 'Local'),
    sessionAffinity: pick('None', 'ClientIP'),
    externalIPs: pick([], [`203.0.113.${index}`]),
  };
  return [serviceEvent(`other-${index}`, spec(index, policies))];
}

// --- The proxy

function objectOf(event: ObjectEvent): string {
  if (event.type === 'delete') return `${event.resource} ${event.name}`;
  return `${event.resource} ${(event.object as { metadata: { name: string } }).metadata.name}`;
}

interface Proxy {
  readonly model: Model;
  readonly backends: readonly Backend[];
}

/** What an API server would hold, and the proxy of today. */
interface Cluster {
  readonly variant: Variant;
  readonly world: World;
  readonly objects: Map<string, ObjectEvent>;
  proxy: Proxy;
}

/** A new process: it knows nothing but what the API server tells. */
function startProxy({ variant, world, objects }: Omit<Cluster, 'proxy'>): Proxy {
  const model = createModel(SCENARIO_CONFIG);
  model.setInterfaceAddresses(NODE_ADDRESSES);
  for (const event of objects.values()) model.apply(event);
  const backends = FAMILIES.map((family) => {
    const driver = createExecDriver({ family, variant, commandPrefix: world.node.prefix, lockWait: 30 });
    return createIptablesBackend({ family, driver });
  });
  return { model, backends };
}

async function restart(cluster: Cluster): Promise<readonly SyncResult[]> {
  for (const backend of cluster.proxy.backends) await backend.close();
  cluster.proxy = startProxy(cluster);
  return syncAll(cluster.proxy, 'build');
}

/** `rebuild`: everything is compared, as a proxy does now and then and when its watch tells of a foreign hand. */
async function syncAll({ model, backends }: Proxy, how: 'build' | 'rebuild'): Promise<readonly SyncResult[]> {
  const results = await Promise.all(backends.map((each) => each.sync(model[how](each.family).change)));
  for (const result of results) expect(result.error ?? result.outcome).toBe('ok');
  return results;
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

function iptables({ variant, world }: Cluster, family: Family, ...args: readonly string[]): Promise<string> {
  const command = `${family === 'IPv4' ? 'iptables' : 'ip6tables'}-${variant}`;
  return runCommand([...world.node.prefix, command, '-w', '30', ...args]);
}

async function chainOf(cluster: Cluster, family: Family, service: string): Promise<string> {
  const rules = await iptables(cluster, family, '-t', 'nat', '-S');
  const found = new RegExp(`^-A (KUBE-SVC-\\S+) .*shop/${service}:http`, 'm').exec(rules)?.[1];
  if (found === undefined) throw new Error(`no KUBE-SVC chain of ${service}`);
  return found;
}

/** Packets that each rule of `web`'s own chains has seen. Rules that are written anew start at nought. */
async function packetsSeen(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  for (const family of FAMILIES) {
    const command = `${family === 'IPv4' ? 'iptables' : 'ip6tables'}-${cluster.variant}-save`;
    const text = await runCommand([...cluster.world.node.prefix, command, '-c', '-t', 'nat']);
    const rules = text.matchAll(/^\[(\d+):\d+\] (-A KUBE-(?:SVC|SEP|EXT)-\S+ .*shop\/web:http.*)$/gm);
    for (const [, packets, rule = ''] of rules) seen.set(`${family} ${rule}`, Number(packets));
  }
  return seen;
}

/** What a rewritten rule cannot do: go on counting where it was. */
function expectGoneOn(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  const rewritten = [...before].filter(([rule, packets]) => (after.get(rule) ?? -1) < packets);
  expect(before.size).toBeGreaterThanOrEqual(12);
  expect(Math.max(...before.values())).toBeGreaterThan(0);
  expect(rewritten).toEqual([]);
}

// --- Streams of connections

type Way = 'cluster-ip' | 'node-port';

function rowOf(way: Way, family: Family, pods: readonly number[], index = 0): ReplayRow {
  const inside = way === 'cluster-ip';
  const destinations = pods.map((number) => ({
    address: pod(number)[family],
    port: WEB_PORTS.pod,
    masquerade: !inside,
  }));
  return {
    entry: inside ? 'pod' : 'outside',
    packet: {
      protocol: 'TCP',
      source: (inside ? CLIENT : OUTSIDE)[family],
      inInterface: inside ? 'cni0' : 'eth0',
      destination: (inside ? clusterIPs(index) : NODE)[family],
      destinationPort: inside ? WEB_PORTS.cluster : WEB_PORTS.node + index,
    },
    expected: { kind: 'forward', destinations },
    sticky: false,
  };
}

const ALL_WAYS: readonly Way[] = ['cluster-ip', 'node-port'];

function rowsOf(ways: readonly Way[], pods: readonly number[], index = 0): readonly ReplayRow[] {
  return ways.flatMap((way) => FAMILIES.map((family) => rowOf(way, family, pods, index)));
}

/** Connects to `web` by these ways as long as the action lasts. */
async function unharmed(
  { world }: Cluster,
  ways: readonly Way[],
  action: (streams: Streams) => Promise<void>,
): Promise<void> {
  const { fewest, problems } = await whileConnecting(world, rowsOf(ways, WEB), action);
  expect(problems, problems.join('\n')).toEqual([]);
  expect(fewest).toBeGreaterThanOrEqual(CONNECTS);
}

/** Whether something has to happen once more, so that enough connections meet it. */
function goesOn(streams: Streams, rounds: number): boolean {
  return streams.fewest() < CONNECTS && rounds < 200;
}

async function expectReaches(
  cluster: Cluster,
  ways: readonly Way[],
  pods: readonly number[],
  index = 0,
): Promise<void> {
  for (const row of rowsOf(ways, pods, index))
    expect(mismatches(row, await connectRow(cluster.world, row, { tries: 24 }))).toEqual([]);
}

async function expectBroken(cluster: Cluster, way: Way, index: number): Promise<void> {
  for (const family of FAMILIES) {
    const attempts = await connectRow(cluster.world, rowOf(way, family, [], index), {
      tries: 2,
      timeout: 300,
    });
    expect(
      attempts.filter(({ kind }) => kind === 'answered'),
      formatAttempts(attempts),
    ).toEqual([]);
  }
}

// --- Accidents

interface Accident {
  readonly title: string;
  /** What necessarily suffers. `other`: the cluster IP of `other-1`. */
  readonly breaks: 'nothing' | 'node-port' | 'other';
  readonly happen: (cluster: Cluster, family: Family) => Promise<unknown>;
}

const ACCIDENTS: readonly Accident[] = [
  {
    title: "another service's chain is flushed",
    breaks: 'other',
    happen: async (cluster, family) =>
      iptables(cluster, family, '-t', 'nat', '-F', await chainOf(cluster, family, 'other-1')),
  },
  {
    title: 'a jump of the filter table is removed',
    breaks: 'nothing',
    async happen(cluster, family) {
      const rules = await iptables(cluster, family, '-t', 'filter', '-S', 'FORWARD');
      const at = rules.split('\n').findIndex((line) => line.includes('-j KUBE-FORWARD'));
      // The first line is the policy, so lines count as rules do.
      expect(at).toBeGreaterThan(0);
      await iptables(cluster, family, '-t', 'filter', '-D', 'FORWARD', String(at));
    },
  },
  {
    title: 'the whole filter table is flushed',
    breaks: 'nothing',
    happen: (cluster, family) => iptables(cluster, family, '-t', 'filter', '-F'),
  },
  {
    title: 'KUBE-NODEPORTS is flushed',
    breaks: 'node-port',
    happen: (cluster, family) => iptables(cluster, family, '-t', 'nat', '-F', 'KUBE-NODEPORTS'),
  },
];

async function happenAndRepair(cluster: Cluster, { breaks, happen }: Accident): Promise<void> {
  for (const family of FAMILIES) await happen(cluster, family);
  if (breaks === 'node-port') await expectBroken(cluster, 'node-port', 0);
  if (breaks === 'other') await expectBroken(cluster, 'cluster-ip', 1);
  for (const { repaired } of await syncAll(cluster.proxy, 'rebuild')) expect(repaired).not.toEqual([]);
  if (breaks === 'node-port') await expectReaches(cluster, ['node-port'], WEB);
  if (breaks === 'other') await expectReaches(cluster, ['cluster-ip'], [STRANGER], 1);
  await expectNoDrift(cluster.proxy);
}

// --- Proofs

/** Changes others, one to `perSync` of them in a sync; returns how many services there were at least and at most. */
async function changeOthers(cluster: Cluster, streams: Streams): Promise<readonly [number, number]> {
  const { count, perSync } = CHANGES[cluster.variant];
  const random = seededRandom(20_261_121);
  const indexes = Array.from({ length: OTHERS }, (_, index) => index + 1);
  const alive = new Set(indexes.filter((index) => cluster.objects.has(`Service other-${index}`)));
  let [least, most] = [alive.size, alive.size];
  for (let done = 0; done < count || goesOn(streams, done / count);) {
    const batch = 1 + Math.floor(random() * perSync);
    const mood = Math.floor((5 * done) / count) % 2 === 0 ? 'grow' : 'shrink';
    for (let at = 0; at < batch; at++) tell(cluster, randomChange(random, alive, mood));
    await syncAll(cluster.proxy, 'build');
    done += batch;
    [least, most] = [Math.min(least, alive.size), Math.max(most, alive.size)];
  }
  return [least, most];
}

async function startCluster(variant: Variant): Promise<Cluster> {
  const numbers = [20, STRANGER, ...WEB];
  const world = await createWorld({
    pods: podsOf(numbers.flatMap((number) => Object.values(pod(number)))),
    outside: Object.values(OUTSIDE),
  });
  const sockets = [STRANGER, ...WEB].flatMap((number) => Object.values(pod(number)));
  await listenAll(
    world,
    'TCP',
    sockets.map((address) => ({ address, port: WEB_PORTS.pod })),
  );
  const objects = new Map<string, ObjectEvent>();
  const cluster = { variant, world, objects, proxy: startProxy({ variant, world, objects }) };
  tell(cluster, [...web(WEB), ...Array.from({ length: 20 }, (_, index) => other(index + 1)).flat()]);
  await syncAll(cluster.proxy, 'build');
  return cluster;
}

describe.each(['nft', 'legacy'] as const)('connections while rules change, %s variant', (variant) => {
  const held: { cluster: Cluster | null } = { cluster: null };
  const clusterNow = (): Cluster => held.cluster as Cluster;

  beforeAll(async () => {
    held.cluster = await startCluster(variant);
  });

  afterAll(async () => {
    for (const backend of held.cluster?.proxy.backends ?? []) await backend.close();
    await held.cluster?.world.close();
  });

  it('survive restarts of the proxy, which write only what was missed', async () => {
    const cluster = clusterNow();
    await expectReaches(cluster, ALL_WAYS, WEB);
    const before = await packetsSeen(cluster);
    await unharmed(cluster, ALL_WAYS, async (streams) => {
      for (let round = 0; round < 5 || goesOn(streams, round); round++) {
        for (const { counters } of await restart(cluster)) {
          expect(counters).toMatchObject({ restores: 0, chainsWritten: 0, chainsRemoved: 0 });
        }
      }
      // While there was no proxy one service went, another came, and somebody left a chain behind.
      for (const family of FAMILIES)
        await iptables(cluster, family, '-t', 'nat', '-N', 'KUBE-SVC-LEFTBEHIND');
      for (const event of withoutOther(3)) cluster.objects.delete(objectOf(event));
      for (const event of other(40)) cluster.objects.set(objectOf(event), event);
      for (const { counters } of await restart(cluster)) {
        // KUBE-SVC, KUBE-EXT and KUBE-SEP of each, and the two roots that lead to them.
        expect(counters).toMatchObject({ restores: 1, chainsWritten: 5, chainsRemoved: 4 });
      }
    });
    expectGoneOn(before, await packetsSeen(cluster));
    await expectNoDrift(cluster.proxy);
  });

  it('survive random changes of all other services', async () => {
    const cluster = clusterNow();
    const before = await packetsSeen(cluster);
    await unharmed(cluster, ALL_WAYS, async (streams) => {
      const [least, most] = await changeOthers(cluster, streams);
      // Between them lie splits and merges of the dispatch trees' leaves, which hold 32.
      expect(least).toBeLessThan(25);
      expect(most).toBeGreaterThan(35);
    });
    expectGoneOn(before, await packetsSeen(cluster));
    await expectNoDrift(cluster.proxy);
  });

  it.each(ACCIDENTS)('survive that $title, or come back with the repair', async (accident) => {
    const cluster = clusterNow();
    tell(cluster, other(1));
    await syncAll(cluster.proxy, 'build');
    const untouched = accident.breaks === 'node-port' ? (['cluster-ip'] as const) : ALL_WAYS;
    await unharmed(cluster, untouched, async (streams) => {
      for (let round = 0; round < 2 || goesOn(streams, round); round++) {
        await happenAndRepair(cluster, accident);
      }
    });
  });

  it('go to the new endpoint after a sync, and none fails while the old one still serves', async () => {
    const cluster = clusterNow();
    await unharmed(cluster, ALL_WAYS, async (streams) => {
      for (let round = 0; round < 9 || goesOn(streams, round); round++) {
        const serving = WEB.filter((_, index) => index !== round % WEB.length);
        tell(cluster, slicesOf('web', serving));
        await syncAll(cluster.proxy, 'build');
        await expectReaches(cluster, ALL_WAYS, serving);
      }
    });
    await expectNoDrift(cluster.proxy);
  });
});
