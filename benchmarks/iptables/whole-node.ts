/**
 * API objects in, connections out: model and backend together, in the namespace it is started in, with services of ten
 * endpoints: `whole-node.ts BACKEND SERVICES smoke|full [ENDPOINTS]`, where BACKEND is a variant of iptables.
 * Prints JSON.
 */
// oxlint-disable-next-line import/no-unassigned-import -- as the program does, first of all
import '../../apps/proxy/src/heap.ts';
import { argv, memoryUsage, resourceUsage, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { createExecDriver, createIptablesBackend, type Variant } from '@signalbox/backend-iptables';
import { createModel, type Backend, type Model, type ObjectEvent } from '@signalbox/core';
import { CONFIG, serviceJSON, sliceJSON, upsert } from '../core/cluster.ts';
import { prepareNetwork, timeFollows } from '../follow.ts';
import { percentile } from '../statistics.ts';
import { cpu } from './cpu.ts';

export interface WholeNodeTimes {
  readonly variant: string;
  readonly services: number;
  /** Milliseconds, as are the next: objects as JSON text to rules in the kernel. */
  readonly firstSync: number;
  readonly rssMegabytes: number;
  /** Median: from the text of a slice with another endpoint to the first connection that reaches it. */
  readonly follows: number;
  /** 95th percentile of the same. */
  readonly followsP95: number;
  /** Resident memory after the first sync and a collection of garbage. */
  readonly settledMegabytes: number;
  /** CPU of this process and of the tools it runs for slice writes (200 in ten seconds), at most one sync a second. */
  readonly cpuOfWrites: number;
}

const FORMS = {
  smoke: { follows: 3, writes: 10, pause: 10, syncPeriod: 50 },
  full: { follows: 31, writes: 200, pause: 50, syncPeriod: 1000 },
} as const;

interface Node {
  readonly model: Model;
  readonly backend: Backend;
}

async function sync({ model, backend }: Node): Promise<void> {
  const result = await backend.sync(model.build('IPv4').change);
  if (result.outcome !== 'ok') throw new Error(JSON.stringify(result));
}

/** One endpoint of one service goes or comes back with every write. */
async function costOfWrites(
  node: Node,
  services: number,
  form: (typeof FORMS)['smoke' | 'full'] & { readonly endpoints: number },
): Promise<number> {
  const events: readonly ObjectEvent[] = Array.from({ length: form.writes }, (_, at) =>
    upsert('EndpointSlice', sliceJSON((at * 7919) % (services - 1), form.endpoints, 1)),
  );
  const before = cpu();
  let next = performance.now() + form.syncPeriod;
  for (const event of events) {
    node.model.apply(event);
    await wait(form.pause);
    if (performance.now() < next) continue;
    next = performance.now() + form.syncPeriod;
    await sync(node);
  }
  await sync(node);
  return cpu() - before;
}

function clusterIPOf(index: number): string {
  return (JSON.parse(serviceJSON(index)) as { spec: { clusterIP: string } }).spec.clusterIP;
}

function createBackend(name: string): Backend {
  return createIptablesBackend({
    family: 'IPv4',
    driver: createExecDriver({ family: 'IPv4', variant: name as Variant }),
  });
}

interface Measurement {
  readonly backend: string;
  readonly services: number;
  readonly endpoints: number;
  readonly form: 'smoke' | 'full';
}

async function measure({ backend, services, endpoints, form }: Measurement): Promise<WholeNodeTimes> {
  prepareNetwork();
  const node: Node = { model: createModel(CONFIG), backend: createBackend(backend) };
  const start = performance.now();
  for (let index = 0; index < services; index++) {
    node.model.apply(upsert('Service', serviceJSON(index)));
    node.model.apply(upsert('EndpointSlice', sliceJSON(index, endpoints)));
  }
  await sync(node);
  const firstSync = performance.now() - start;
  const rssMegabytes = resourceUsage().maxRSS / 1024;
  const unwatch = node.backend.watch?.((what) => {
    throw new Error(`${what} was changed by no other process`);
  });
  await wait(500);
  const settledMegabytes = memoryUsage().rss / 2 ** 20;
  const times = await timeFollows({
    index: services - 1,
    address: clusterIPOf(services - 1),
    changes: FORMS[form].follows,
    write: (slice) => {
      node.model.apply(upsert('EndpointSlice', slice));
      return sync(node);
    },
  });
  const cpuOfWrites = await costOfWrites(node, services, { ...FORMS[form], endpoints });
  unwatch?.();
  await node.backend.close();
  const follows = { follows: percentile(times, 0.5), followsP95: percentile(times, 0.95) };
  return { variant: backend, services, firstSync, rssMegabytes, settledMegabytes, ...follows, cpuOfWrites };
}

const [, , backend = 'nft', services = '100', form = 'smoke', endpoints = '10'] = argv;
const measured = await measure({
  backend,
  services: Number(services),
  endpoints: Number(endpoints),
  form: form === 'full' ? 'full' : 'smoke',
});
stdout.write(JSON.stringify(measured));
