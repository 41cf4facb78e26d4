/** One measurement: `measure.ts fake|kernel SERVICES`. Prints JSON. `kernel` is that of the namespace it is started in. */
import { argv, resourceUsage, stdout } from 'node:process';
import { createExecDriver } from '@signalbox/iptables';
import { createIpvsBackend, createNetlinkDriver, type IpvsDriver } from '@signalbox/backend-ipvs';
import {
  change,
  createFakeIpvs,
  createFakeKernel,
  full,
  NOTHING_NEW,
  service,
} from '@signalbox/backend-ipvs/testing';
import type { Backend, DesiredChange, DesiredServicePort } from '@signalbox/core';
import { median } from '../statistics.ts';

export interface IpvsTimes {
  readonly place: string;
  readonly services: number;
  /** Writes of the first sync; set entries and servers travel many to a datagram. */
  readonly writes: number;
  /** Milliseconds, as are the next. */
  readonly firstSync: number;
  /** Of a new process that finds everything in place: one listing, no writes. */
  readonly adoption: number;
  /** Median: one endpoint of one service is replaced. */
  readonly oneChange: number;
  /** Writes for it, looking at connections included. */
  readonly writesPerChange: number;
  readonly rssMegabytes: number;
}

const ENDPOINTS = 10;
const CHANGES = 50;

/** Service `index` with a node port for every tenth; `turn` replaces its first endpoint. */
function sample(index: number, turn = 0): DesiredServicePort {
  const pod = (last: number): string => `10.${128 + (index % 64)}.${(index >> 6) % 256}.${last}`;
  const endpoints = Array.from({ length: ENDPOINTS }, (_, last) => pod(last + 1));
  return service({
    name: `s${index}`,
    clusterIP: `10.96.${index >> 8}.${index & 255}`,
    endpoints: turn === 0 ? endpoints : [pod(100 + (turn % 100)), ...endpoints.slice(1)],
    ...(index % 10 === 0 ? { nodePort: 30_000 + index / 10 } : {}),
  });
}

interface Timed {
  readonly ms: number;
  readonly writes: number;
}

/** Counts what goes to the driver. */
function counting(driver: IpvsDriver, count: (operations: number) => void): IpvsDriver {
  return {
    ...driver,
    apply: (operations) => {
      count(operations.length);
      return driver.apply(operations);
    },
  };
}

function newDriver(place: string): () => IpvsDriver {
  if (place === 'kernel') {
    const iptables = createExecDriver({ family: 'IPv4', variant: 'legacy' });
    return () => createNetlinkDriver({ family: 'IPv4', iptables });
  }
  const kernel = createFakeKernel({ hostAddresses: ['192.0.2.10', '192.0.2.11'] });
  return () => createFakeIpvs({ family: 'IPv4', kernel }).driver;
}

interface Counter {
  writes: number;
}

async function timed(backend: Backend, next: DesiredChange, counter: Counter): Promise<Timed> {
  counter.writes = 0;
  const start = performance.now();
  const result = await backend.sync(next);
  if (result.outcome !== 'ok') throw new Error(JSON.stringify(result).slice(0, 2000));
  return { ms: performance.now() - start, writes: counter.writes };
}

/** Replaces one endpoint after the other; by time. */
async function measureChanges(
  backend: Backend,
  all: DesiredServicePort[],
  counter: Counter,
): Promise<readonly Timed[]> {
  const changes: Timed[] = [];
  for (let turn = 1; turn <= CHANGES; turn += 1) {
    const index = (turn * 7919) % all.length;
    const before = all[index] ?? sample(index);
    const after = sample(index, turn);
    all[index] = after;
    const next = change('incremental', { changed: [[before, after]] });
    changes.push(await timed(backend, next, counter));
  }
  return changes;
}

async function measure(place: string, services: number): Promise<IpvsTimes> {
  const counter: Counter = { writes: 0 };
  const driver = newDriver(place);
  const create = (): Backend =>
    createIpvsBackend({ family: 'IPv4', driver: counting(driver(), (count) => (counter.writes += count)) });
  const all = Array.from({ length: services }, (_, index) => sample(index));
  const backend = create();
  const first = await timed(backend, full(...all), counter);
  const other = create();
  const adoption = await timed(other, full(...all), counter);
  if (adoption.writes !== 0) throw new Error(`a restart must not write, wrote ${adoption.writes}`);
  const changes = await measureChanges(backend, all, counter);
  const nothing = await timed(backend, NOTHING_NEW, counter);
  if (nothing.writes > 0) throw new Error('a sync of nothing wrote something');
  await backend.close();
  await other.close();
  return {
    place,
    services,
    writes: first.writes,
    firstSync: first.ms,
    adoption: adoption.ms,
    oneChange: median(changes.map(({ ms }) => ms)),
    writesPerChange: Math.max(...changes.map(({ writes }) => writes)),
    rssMegabytes: resourceUsage().maxRSS / 1024,
  };
}

const [, , place = 'fake', services = '100'] = argv;
stdout.write(JSON.stringify(await measure(place, Number(services))));
