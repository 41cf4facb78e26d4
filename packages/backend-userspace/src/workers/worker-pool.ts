/** The sockets of a driver in worker threads: a TCP socket in each of them, a UDP socket in one. */
import { createServer } from 'node:net';
import { backendError, type BackendError, type Clock } from '@signalbox/core';
import type { FilePool } from '../driver/open-files.ts';
import { socketError } from '../driver/socket-error.ts';
import { withEjections, type SocketPool } from '../driver/socket-pool.ts';
import type { OnConnectionEnd } from '../objects/connection-record.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import type { ListenerOperation } from '../objects/operation.ts';
import { createSharedBuffer } from '../shared/layout.ts';
import { nameHash } from '../shared/name-hash.ts';
import { createCountRows, totalCounts } from '../shared/shared-counts.ts';
import { mergeConnections, mergeMaps } from './merge.ts';
import type { Answers, Kind, Request, Results, WorkerSetup } from './protocol.ts';
import { startThread, type StartThread } from './start-thread.ts';
import { startWorkerThread, type WorkerThread } from './worker-thread.ts';

export interface WorkerPoolOptions extends Pick<
  WorkerSetup,
  'udpTimeout' | 'tcpIdleTimeout' | 'drainTimeout'
> {
  readonly threads: number;
  readonly files: FilePool;
  readonly clock: Pick<Clock, 'random' | 'schedule'>;
  readonly onConnectionEnd: OnConnectionEnd | null;
  readonly onWorkerFailure: (reason: string) => void;
  /** For tests. */
  readonly start?: StartThread | undefined;
}

interface Pool {
  readonly options: WorkerPoolOptions;
  readonly countRows: ReturnType<typeof createCountRows>;
  readonly buffer: SharedArrayBuffer;
  /** Empty before the first operation. */
  readonly threads: WorkerThread[];
  /** Numbers in `files`. */
  readonly seats: number[];
  /** Of all threads, as requested last. */
  readonly listeners: Map<string, Listener>;
  /** Keys that a successor of a thread could not open. */
  readonly missing: Set<string>;
  hostAddresses: ReadonlySet<string>;
}

export function createWorkerPool(options: WorkerPoolOptions): SocketPool {
  const pool: Pool = {
    options,
    countRows: createCountRows(options.threads),
    buffer: createSharedBuffer(Math.floor(options.clock.random() * 2 ** 32) | 0),
    threads: [],
    seats: [],
    listeners: new Map(),
    missing: new Set(),
    hostAddresses: new Set(),
  };
  return {
    keys: () => new Set([...pool.listeners.keys()].filter((key) => !pool.missing.has(key))),
    setHostAddresses(addresses) {
      const isSame = sameSet(addresses, pool.hostAddresses);
      pool.hostAddresses = addresses;
      if (!isSame) void askAll(pool, { kind: 'host-addresses', addresses });
    },
    apply: (operations) => apply(pool, operations),
    prune: () => void askAll(pool, { kind: 'prune' }),
    async counts() {
      const ejected = await askAll(pool, { kind: 'ejected' });
      return withEjections(totalCounts(pool.countRows), new Set(ejected.flat()).size);
    },
    connections: async () => mergeConnections(await askAll(pool, { kind: 'connections' })),
    limits: async () => mergeMaps(await askAll(pool, { kind: 'limits' })),
    async drain() {
      await askAll(pool, { kind: 'drain' });
      await Promise.all(pool.threads.map((each) => each.end()));
      for (const seat of pool.seats.splice(0)) {
        closeFiles(pool, seat);
        options.files.free.push(seat);
      }
      pool.threads.length = 0;
      pool.listeners.clear();
    },
  };
}

function sameSet(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((each) => other.has(each));
}

/** The answers of those that run. */
async function askAll<K extends Kind>(
  { threads }: Pool,
  request: Extract<Request, { kind: K }>,
): Promise<readonly Answers[K][]> {
  const answers = await Promise.all(threads.map((each) => each.request(request)));
  return answers.filter((each) => each !== null);
}

/** A UDP socket is in one thread: the kernel would send the datagrams of a client to another socket when a thread is replaced. */
function servesIn(thread: number, { protocol, address, port }: Listener, { options }: Pool): boolean {
  if (protocol === 'TCP') return true;
  return (nameHash(`${address} ${port}`, 0).low >>> 0) % options.threads === thread;
}

async function apply(pool: Pool, operations: readonly ListenerOperation[]): Promise<Results> {
  if (operations.length > 0) startThreads(pool);
  const known = new Set(pool.listeners.keys());
  const isNew = ({ kind, listener }: ListenerOperation): boolean =>
    kind !== 'listener-close' && !known.has(listenerKey(listener));
  const busy = await Promise.all(
    operations.map((each) => (isNew(each) ? probePort(each.listener) : Promise.resolve(null))),
  );
  const possible = operations.filter((_, at) => busy[at] === null);
  // Before the threads answer: a thread that ends meanwhile has a successor with these listeners.
  for (const operation of possible) note(pool, operation);
  const results = await request(pool, possible);
  const opened = possible.filter((operation) => isNew(operation) && results.get(operation) !== null);
  const closing = opened.map(({ listener }) => ({ kind: 'listener-close', listener }) as const);
  for (const operation of closing) note(pool, operation);
  if (closing.length > 0) await request(pool, closing);
  for (const [{ listener }, error] of results) if (error === null) pool.missing.delete(listenerKey(listener));
  return operations.map((operation, at) => busy[at] ?? results.get(operation) ?? null);
}

function note({ listeners }: Pool, { kind, listener }: ListenerOperation): void {
  if (kind === 'listener-close') listeners.delete(listenerKey(listener));
  else listeners.set(listenerKey(listener), listener);
}

/** The first error of a thread for each operation; `null`: all threads that run have applied it. */
async function request(
  pool: Pool,
  operations: readonly ListenerOperation[],
): Promise<ReadonlyMap<ListenerOperation, BackendError | null>> {
  const answers = await Promise.all(
    pool.threads.map(async (each, thread) => {
      const own = operations.filter(({ listener }) => servesIn(thread, listener, pool));
      if (own.length === 0) return [];
      const results = await each.request({ kind: 'apply', operations: own });
      return results === null ? [] : own.map((operation, at) => [operation, results[at] ?? null] as const);
    }),
  );
  const found = new Map<ListenerOperation, BackendError | null>();
  for (const [operation, error] of answers.flat()) found.set(operation, found.get(operation) ?? error);
  return new Map(
    operations.map((each) => [each, found.has(each) ? (found.get(each) ?? null) : notRunning(each)]),
  );
}

/** A socket that no thread has is closed. */
function notRunning({ kind, listener }: ListenerOperation): BackendError | null {
  if (kind === 'listener-close') return null;
  const message = `${listenerKey(listener)}: the worker thread does not run`;
  return backendError('busy', 'listen', message, { kernel: 'unchanged' });
}

function startThreads(pool: Pool): void {
  const { threads: count, files } = pool.options;
  while (pool.threads.length < count) {
    const own = files.free.pop();
    if (own === undefined) throw new Error(`more than ${files.used.length - 1} worker threads`);
    pool.seats.push(own);
    pool.threads.push(startOne(pool, pool.threads.length, own));
  }
}

function startOne(pool: Pool, thread: number, own: number): WorkerThread {
  const { options, buffer, countRows } = pool;
  const { udpTimeout, tcpIdleTimeout, drainTimeout, clock, onConnectionEnd, start = startThread } = options;
  const { limit, used } = options.files;
  const setup: WorkerSetup = {
    seat: { buffer, thread, threads: options.threads },
    countRows,
    files: { limit, used, own },
    udpTimeout,
    tcpIdleTimeout,
    drainTimeout,
    hasRecords: onConnectionEnd !== null,
  };
  const served = (): readonly Listener[] =>
    [...pool.listeners.values()].filter((listener) => servesIn(thread, listener, pool));
  const restored = { listeners: [] as readonly Listener[] };
  return startWorkerThread({
    clock,
    start: () => start(setup),
    restoration: () => ({
      kind: 'restore',
      hostAddresses: pool.hostAddresses,
      listeners: (restored.listeners = served()),
    }),
    onRestored(results) {
      for (const [at, listener] of restored.listeners.entries())
        if (results[at] !== null) pool.missing.add(listenerKey(listener));
    },
    onRecord: (record) => onConnectionEnd?.(record),
    onFailure(reason) {
      closeFiles(pool, own);
      options.onWorkerFailure(reason);
    },
  });
}

/**
 * Whether a TCP port can be opened; `null`: it can. Sockets with SO_REUSEPORT also open a port that another process of this user has
 * open with that option: the connections of the frontend would be spread over both.
 */
function probePort(listener: Listener): Promise<BackendError | null> {
  const { protocol, address: host, port } = listener;
  if (protocol === 'UDP') return Promise.resolve(null);
  const server = createServer((client) => client.resetAndDestroy());
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(socketError(listenerKey(listener), error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** Of a thread that has ended. */
function closeFiles({ options: { files } }: Pool, seat: number): void {
  Atomics.store(files.used, seat, 0);
}
