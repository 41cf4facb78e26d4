/** A proxy on a node in network namespaces, and the proof that connections do not fail during changes. */
import { env } from 'node:process';
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
  whileConnecting,
  type Attempt,
  type Host,
  type ReplayRow,
  type Streams,
  type World,
} from '@signalbox/netns';
import { expect, type TestContext } from 'vitest';
import { NODE_ADDRESSES, SCENARIO_CONFIG } from '../world.ts';
import {
  CLIENT,
  neighbour,
  OUTSIDE,
  pod,
  PORTS,
  randomChange,
  STRANGER,
  WEB,
  withSlices,
  type Churn,
} from './shop.ts';
import { createSourcePorts, type SourcePorts } from './source-ports.ts';

interface Proxy {
  readonly model: Model;
  readonly backends: readonly Backend[];
}

/** Makes one backend of a proxy that runs on `node`. */
export type CreateBackend = (family: Family, node: Host) => Backend;

/** The objects that an API server would hold, and the running proxy. */
export interface Cluster {
  readonly world: World;
  readonly createBackend: CreateBackend;
  readonly objects: Map<string, ObjectEvent>;
  proxy: Proxy;
  /** For the connections of `expectReaches` and `expectUnanswered`. */
  readonly ports: SourcePorts;
}

/**
 * The minimum number of connections that each stream opens during an action; the action is repeated until then. For runs of
 * minutes instead of seconds: CONTRIBUTING.md.
 */
const CONNECTS = Number(env['CONTINUITY_CONNECTS'] ?? 200);
const MOST_ROUNDS = CONNECTS;
const MOST_RUNS = 6;
/** With three endpoints chosen at random, one is not chosen once in 5,000 times; after four such batches never. */
const BATCH = { tries: 24, most: 4 } as const;
/** No reply is expected here, so a short time is enough: milliseconds. */
const UNANSWERED = { tries: 2, timeout: 300 } as const;
/** Source ports that no stream uses. */
const ASKING_PORTS = { first: 32_768, count: 32_768 } as const;

/** A new process: its input is the API objects, the state of the kernel, and its files. */
function startProxy({
  world,
  createBackend,
  objects,
}: Pick<Cluster, 'world' | 'createBackend' | 'objects'>): Proxy {
  const model = createModel(SCENARIO_CONFIG);
  model.setInterfaceAddresses(NODE_ADDRESSES);
  for (const event of objects.values()) model.apply(event);
  return { model, backends: FAMILIES.map((family) => createBackend(family, world.node)) };
}

/** `web`, its client pod, a client outside, and this many neighbours. */
export async function startCluster(createBackend: CreateBackend, neighbours: number): Promise<Cluster> {
  const serving = [STRANGER, ...WEB].flatMap((number) => Object.values(pod(number)));
  const world = await createWorld({
    pods: podsOf([...Object.values(CLIENT), ...serving]),
    outside: Object.values(OUTSIDE),
  });
  const sockets = serving.map((address) => ({ address, port: PORTS.pod }));
  await listenAll(world, 'TCP', sockets);
  const parts = { world, createBackend, objects: new Map<string, ObjectEvent>() };
  const cluster = { ...parts, proxy: startProxy(parts), ports: createSourcePorts(ASKING_PORTS) };
  const others = Array.from({ length: neighbours }, (_, index) => neighbour(index + 1));
  applyEvents(cluster, [...withSlices(0, WEB), ...others.flat()]);
  await syncAll(cluster);
  return cluster;
}

export async function closeCluster({ proxy, world }: Cluster): Promise<void> {
  for (const backend of proxy.backends) await backend.close();
  await world.close();
}

/** Syncs the state of all objects. */
export async function restart(cluster: Cluster): Promise<readonly SyncResult[]> {
  for (const backend of cluster.proxy.backends) await backend.close();
  cluster.proxy = startProxy(cluster);
  return syncAll(cluster);
}

/** `rebuild`: everything is compared, as a proxy does at intervals and when its watch reports a change by another process. */
export async function syncAll(
  { proxy: { model, backends } }: Cluster,
  how: 'build' | 'rebuild' = 'build',
): Promise<readonly SyncResult[]> {
  const results = await Promise.all(backends.map((each) => each.sync(model[how](each.family).change)));
  for (const result of results) expect(result.outcome, JSON.stringify(result, null, 1)).toBe('ok');
  return results;
}

function objectOf(event: ObjectEvent): string {
  if (event.type === 'delete') return `${event.resource} ${event.name}`;
  return `${event.resource} ${(event.object as { metadata: { name: string } }).metadata.name}`;
}

/** Stores the events in the API server; the running proxy does not receive them. */
export function store({ objects }: Cluster, events: readonly ObjectEvent[]): void {
  for (const event of events) {
    if (event.type === 'delete') objects.delete(objectOf(event));
    else objects.set(objectOf(event), event);
  }
}

export function applyEvents(cluster: Cluster, events: readonly ObjectEvent[]): void {
  store(cluster, events);
  for (const event of events) expect(cluster.proxy.model.apply(event).map(formatInputProblem)).toEqual([]);
}

/** Up to `most` changes of neighbours and one sync; returns how many changes. */
export async function changeNeighbours(
  cluster: Cluster,
  churn: Churn,
  { most, leaving }: { readonly most: number; readonly leaving: number },
): Promise<number> {
  const count = 1 + Math.floor(churn.random() * most);
  for (let done = 0; done < count; done++) applyEvents(cluster, randomChange(churn, leaving));
  await syncAll(cluster);
  return count;
}

export async function expectNoDrift({ proxy }: Cluster): Promise<void> {
  for (const backend of proxy.backends) expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
}

/** New connections go to every destination of these rows, and to no other. */
export async function expectReaches(cluster: Cluster, rows: readonly ReplayRow[]): Promise<void> {
  for (const row of rows) {
    const attempts: Attempt[] = [];
    for (let batch = 0; batch < BATCH.most; batch++) {
      const fromPort = cluster.ports.take(BATCH.tries);
      attempts.push(...(await connectRow(cluster.world, row, { tries: BATCH.tries, fromPort })));
      if (mismatches(row, attempts).length === 0) break;
    }
    expect(mismatches(row, attempts)).toEqual([]);
  }
}

/** New connections of these rows get no reply. */
export async function expectUnanswered(cluster: Cluster, rows: readonly ReplayRow[]): Promise<void> {
  for (const row of rows) {
    const fromPort = cluster.ports.take(UNANSWERED.tries);
    const attempts = await connectRow(cluster.world, row, { ...UNANSWERED, fromPort });
    const answered = attempts.filter(({ kind }) => kind === 'answered');
    expect(answered, formatAttempts(attempts)).toEqual([]);
  }
}

/** Whether the action has to be repeated, so that enough connections run during it. */
export function goesOn(streams: Streams, rounds: number): boolean {
  return streams.fewest() < CONNECTS && rounds < MOST_ROUNDS;
}

/**
 * Opens connections of these rows during the action: none may be lost, refused or sent to a wrong endpoint. Where the
 * machine was too slow for a result, the action is repeated: the test passes only with a conclusive run.
 */
export async function unharmed(
  { annotate }: TestContext,
  { world }: Cluster,
  rows: readonly ReplayRow[],
  action: (streams: Streams) => Promise<void>,
): Promise<void> {
  for (let run = 1; run <= MOST_RUNS; run++) {
    const { fewest, problems, tooSlow } = await whileConnecting(world, rows, action);
    if (tooSlow && run < MOST_RUNS) {
      await annotate(`run ${run}: inconclusive, the machine is too slow: ${problems.join('; ')}`);
      continue;
    }
    expect(problems, problems.join('\n')).toEqual([]);
    expect(fewest).toBeGreaterThanOrEqual(CONNECTS);
    await annotate(`each stream made ${fewest} connections or more`);
    return;
  }
}
