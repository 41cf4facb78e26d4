/**
 * API objects in, connections out: model and backend together, in the namespace it is started in, with services of ten
 * endpoints: `whole-node.ts BACKEND SERVICES smoke|full [ENDPOINTS]`, where BACKEND is a variant of iptables.
 * Prints JSON.
 */
// oxlint-disable-next-line import/no-unassigned-import -- as the program does, first of all
import '../../apps/proxy/src/heap.ts';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { argv, memoryUsage, resourceUsage, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { createExecDriver, createIptablesBackend, type Variant } from '@signalbox/backend-iptables';
import { createModel, type Backend, type Model, type ObjectEvent } from '@signalbox/core';
import { CONFIG, serviceJSON, sliceJSON, upsert } from '../core/cluster.ts';
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
const HOST = '10.255.255.1';

/** An address for each round: connection tracking sends a port that comes back too soon where it went the last time. */
function clientOf(round: number): string {
  return `10.255.254.${round + 1}`;
}

function prepareNetwork(): void {
  const ip = (...args: readonly string[]): unknown => execFileSync('ip', args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'bench0', 'type', 'veth', 'peer', 'name', 'bench1');
  ip('link', 'set', 'bench0', 'up');
  ip('link', 'set', 'bench1', 'up');
  ip('addr', 'add', `${HOST}/24`, 'dev', 'bench0');
  for (let round = 0; round < FORMS.full.follows; round++) {
    ip('addr', 'add', `${clientOf(round)}/32`, 'dev', 'bench0');
  }
  ip('route', 'add', '172.0.0.0/8', 'dev', 'bench0');
}

interface Node {
  readonly model: Model;
  readonly backend: Backend;
}

async function sync({ model, backend }: Node): Promise<void> {
  const result = await backend.sync(model.build('IPv4').change);
  if (result.outcome !== 'ok') throw new Error(JSON.stringify(result));
}

/** A slice of service `index` whose only endpoint is this server. */
function sliceAt(index: number, server: Server): string {
  const slice = JSON.parse(sliceJSON(index, 1)) as { ports: object[]; endpoints: object[] };
  const { port } = server.address() as AddressInfo;
  const endpoints = [{ addresses: [HOST], conditions: { ready: true }, nodeName: 'node-1' }];
  return JSON.stringify({ ...slice, ports: [{ name: 'http', port, protocol: 'TCP' }], endpoints });
}

async function serve(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).resetAndDestroy());
  await once(server.listen(0, HOST), 'listening');
  return server;
}

/** The service goes from one server to the other, while a client connects and connects. */
async function timeFollows(node: Node, index: number, rounds: number): Promise<readonly number[]> {
  const address = (JSON.parse(serviceJSON(index)) as { spec: { clusterIP: string } }).spec.clusterIP;
  const servers = [await serve(), await serve()] as const;
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const server = servers[round % 2 === 0 ? 0 : 1];
    const reached = once(server, 'connection').then(() => performance.now());
    const text = sliceAt(index, server);
    const start = performance.now();
    node.model.apply(upsert('EndpointSlice', text));
    const done = sync(node);
    const state = { over: false };
    const end = reached.then((at) => {
      state.over = true;
      return at;
    });
    while (!state.over) {
      const socket = connect({ port: 80, host: address, localAddress: clientOf(round) });
      await Promise.race([once(socket, 'connect'), end]).catch(() => undefined);
      socket.destroy();
    }
    times.push((await end) - start);
    await done;
  }
  for (const server of servers) server.close();
  return times.sort((a, b) => a - b);
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
  const times = await timeFollows(node, services - 1, FORMS[form].follows);
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
