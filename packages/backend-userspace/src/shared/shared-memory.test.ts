import { Worker } from 'node:worker_threads';
import { seededRandom } from '@signalbox/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import type { StateOutcome, StatePart } from '../testing/state-child.ts';
import { createSharedBuffer } from './layout.ts';
import { createCell, openSharedMemory, type Cell } from './shared-memory.ts';

const SUM = 'sum';
const threads: Worker[] = [];
afterEach(async () => {
  for (const each of threads.splice(0)) await each.terminate();
});

const ENDPOINTS = [1, 2, 3].map((at) => ({ address: `10.244.1.${at}`, port: 8080, isLocal: true }));

async function together(count: number, part: Omit<StatePart, 'seat' | 'started'>) {
  const buffer = createSharedBuffer(1, 2 ** 16);
  const started = new Int32Array(new SharedArrayBuffer(4));
  const outcomes = Array.from({ length: count }, (_, thread) => {
    const seat = { buffer, thread, threads: count };
    const options = { workerData: { seat, started, ...part }, execArgv: ['--conditions=signalbox-source'] };
    const worker = new Worker(new URL('../testing/state-child.ts', import.meta.url), options);
    threads.push(worker);
    return new Promise<StateOutcome>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  });
  const all = await Promise.all(outcomes);
  const memory = openSharedMemory({ buffer, thread: 0, threads: count });
  const cell = createCell(memory, SUM, { gauges: 0, numbers: 1 });
  return { outcomes: all, sum: memory.ints[cell.numbers(cell.find())] };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((whole, each) => whole + each, 0);

describe('threads that run at the same time', () => {
  it('give every endpoint equally many turns', async () => {
    const part = { endpoints: ENDPOINTS, balancing: 'round-robin', isSlow: false } as const;
    const { outcomes } = await together(3, { rounds: 9000, ...part });
    expect(ENDPOINTS.map((_, at) => sum(outcomes.map(({ chosen }) => chosen[at] ?? 0)))).toEqual([
      9000, 9000, 9000,
    ]);
  });

  it('never exceed a limit, and change a number one after the other', async () => {
    const part = {
      endpoints: ENDPOINTS,
      balancing: 'least-connections',
      connections: { maxConnections: 1 },
      isSlow: true,
    } as const;
    const { outcomes, sum: rounds } = await together(3, { rounds: 20, ...part });
    expect(outcomes.map(({ most }) => most)).toEqual([1, 1, 1]);
    expect(outcomes.map(({ chosen }) => sum(chosen))).toEqual([20, 20, 20]);
    expect(rounds).toBe(60);
  });
});

const SHAPE = { gauges: 1, numbers: 3 };

function world(size = 2 ** 16) {
  const buffer = createSharedBuffer(5, size);
  const open = (thread: number) => openSharedMemory({ buffer, thread, threads: 2 });
  const [one, other] = [open(0), open(1)];
  const cellOf = (name: string, shape = SHAPE): Cell => createCell(one, name, shape);
  const write = (name: string, value: number, expires: number, now = 0): void => {
    const cell = cellOf(name);
    one.ints[cell.numbers(cell.use(now, expires))] = value;
  };
  const read = (name: string): number | null => {
    const cell = cellOf(name);
    const at = cell.find();
    return at === 0 ? null : (one.ints[cell.numbers(at)] ?? 0);
  };
  return { buffer, open, one, other, cellOf, write, read };
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

describe('the shared memory', () => {
  it('finds each of many blocks', () => {
    const { write, read } = world(2 ** 20);
    for (const at of range(10_000)) write(`name ${at}`, at, 1);
    expect(range(10_000).filter((at) => read(`name ${at}`) !== at)).toEqual([]);
    expect(read('another')).toBeNull();
  });

  it('removes blocks that have expired when it grows, and keeps the others', () => {
    const { one, write, read } = world(2 ** 20);
    for (const at of range(2000)) write(`old ${at}`, at, 10);
    for (const at of range(2000)) write(`new ${at}`, at, 1000, 20);
    expect(range(2000).filter((at) => read(`old ${at}`) !== null)).toEqual([]);
    expect(range(2000).filter((at) => read(`new ${at}`) !== at)).toEqual([]);
    expect(one.exclusively(() => 1)).toBe(1);
  });

  it('removes blocks before they expire if it is full, but none with an open connection', () => {
    const { cellOf, write, read } = world();
    const held = cellOf('held');
    held.add(held.use(0, 1), 0, 1);
    for (const at of range(20_000)) write(`name ${at}`, at, 10_000 + at);
    expect(held.gauge(held.find(), 0)).toBe(1);
    expect(read('name 19999')).toBe(19_999);
    const large = cellOf('large', { gauges: 0, numbers: 20_000 });
    const at = large.use(20_000, 30_000);
    expect(large.find()).toBe(at);
    expect(held.gauge(held.find(), 0)).toBe(1);
  });

  it('has the values that were written last, whatever is written and removed (random)', () => {
    const random = seededRandom(11);
    const { cellOf, one } = world();
    const expected = new Map<string, number>();
    for (const step of range(5000)) {
      const name = `name ${Math.floor(random() * 700)}`;
      const shape = { gauges: 0, numbers: 1 + (name.length % 3) * 60 };
      const cell = cellOf(name, shape);
      const at = cell.numbers(cell.use(step, step + 50));
      // Removed blocks come back with zeros.
      expect([0, expected.get(name)]).toContain(one.ints[at]);
      one.ints[at] = step + 1;
      expected.set(name, step + 1);
    }
  });

  it('is usable after the thread that held the lock has ended anywhere in a change', () => {
    const { buffer, open, one, write, read } = world(2 ** 20);
    for (const at of range(3000)) write(`name ${at}`, at, 1000);
    // The other thread holds the lock, and has cleared the index to make it again.
    Atomics.store(new Int32Array(buffer), 0, 2);
    one.ints.fill(0, 64, 64 + 8192);
    open(1);
    expect(range(3000).filter((at) => read(`name ${at}`) !== at)).toEqual([]);
    expect(one.exclusively(() => 'entered')).toBe('entered');
  });
});
