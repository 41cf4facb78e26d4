/** Worker threads with real sockets on loopback addresses. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createSocket } from 'node:dgram';
import type { Worker } from 'node:worker_threads';
import type { DesiredEndpoint } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createFilePool } from '../driver/open-files.ts';
import { createSystemDriver, type SystemDriverOptions } from '../driver/system-driver.ts';
import type { ConnectionRecord } from '../objects/connection-record.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import { CHI_SQUARE_LIMITS, chiSquare } from '../testing/chi-square.ts';
import {
  closeAll,
  deferred,
  dial,
  endOf,
  endpoint,
  freePort,
  greet,
  held,
  listenerAt,
  listenerOf,
  readAll,
  unusedEndpoint,
} from '../testing/loopback.ts';
import { startThread } from './start-thread.ts';
import { createWorkerPool } from './worker-pool.ts';

afterEach(closeAll);

function world(workers: number, more: Partial<SystemDriverOptions> = {}) {
  const threads: Worker[] = [];
  const failures: string[] = [];
  const driver = createSystemDriver({
    family: 'IPv4',
    serviceAddresses: 'none',
    drainTimeout: 0,
    workers,
    onWorkerFailure: (reason) => void failures.push(reason),
    startThread(setup) {
      const worker = startThread(setup);
      threads.push(worker);
      return worker;
    },
    ...more,
  });
  held.push(driver);
  const open = async (listener: Listener): Promise<void> =>
    expect(await driver.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
  const release = (): unknown => held.splice(held.indexOf(driver), 1);
  return { driver, threads, failures, open, release };
}

const named = (names: readonly string[]): Promise<DesiredEndpoint[]> =>
  Promise.all(names.map((name) => endpoint(greet(name))));

async function replies(listener: Listener, count: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const all = await Promise.all(Array.from({ length: count }, () => readAll(dial(listener).end())));
  for (const name of all) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Writes its name at each byte: the client knows where its open connection goes. */
const answering =
  (name: string) =>
  (socket: Socket): void =>
    void socket.on('data', () => socket.write(name));

async function openOne(listener: Listener) {
  const client = dial(listener);
  client.write('?');
  const [name] = await once(client, 'data');
  return { client, name: String(name) };
}

describe.each([2, 3])('%d worker threads', (workers) => {
  // One driver for all tests, which takes most of their time to start.
  const { driver, open, release } = world(workers);
  release();
  afterAll(() => driver.close());

  /** Of a service port that no other test has. */
  const ownListenerOf: typeof listenerOf = async (...shape) => {
    const listener = await listenerOf(...shape);
    const key = `${listener.servicePort.key} ${listener.port}`;
    return { ...listener, servicePort: { ...listener.servicePort, key } };
  };

  it('give all endpoints equally many connections', async () => {
    const listener = await ownListenerOf(await named(['a', 'b', 'c']));
    await open(listener);
    const { forwarded } = await driver.counts();
    expect(await replies(listener, 90)).toEqual({ a: 30, b: 30, c: 30 });
    expect(await driver.counts()).toMatchObject({ forwarded: forwarded + 90, refused: 0 });
  });

  it('open as many connections to each endpoint with least-connections', async () => {
    const names = ['a', 'b', 'c'];
    const listener = await ownListenerOf(await Promise.all(names.map((name) => endpoint(answering(name)))));
    const { servicePort } = listener;
    const balanced = {
      ...listener,
      servicePort: { ...servicePort, balancing: 'least-connections' },
    } as const;
    await open(balanced);
    const opened = await Promise.all(Array.from({ length: 24 }, () => openOne(balanced)));
    const counts = names.map((name) => opened.filter((each) => each.name === name).length);
    expect(counts).toEqual([8, 8, 8]);
  });

  it('choose endpoints at random by weight (chi-square)', async () => {
    const endpoints = (await named(['a', 'b', 'c'])).map((each, at) => ({ ...each, weight: at + 1 }));
    const listener = await ownListenerOf(endpoints);
    const balanced = { ...listener, servicePort: { ...listener.servicePort, balancing: 'random' } } as const;
    await open(balanced);
    const { a = 0, b = 0, c = 0 } = await replies(balanced, 180);
    // A random distribution exceeds twice the limit once in a million runs.
    expect(chiSquare([a, b, c], [1, 2, 3])).toBeLessThan((CHI_SQUARE_LIMITS[2] ?? 0) * 2);
  });

  it('send all connections of a client to one endpoint with session affinity', async () => {
    const listener = await ownListenerOf(await named(['a', 'b', 'c', 'd', 'e']), { affinitySeconds: 600 });
    await open(listener);
    const first = await readAll(dial(listener).end());
    expect(await replies(listener, 40)).toEqual({ [first]: 40 });
  });

  it('reset connections above the limit of a Service', async () => {
    const listener = await ownListenerOf([await endpoint(answering('a'))], {
      connections: { maxConnections: 5 },
    });
    await open(listener);
    const opened = await Promise.all(Array.from({ length: 5 }, () => openOne(listener)));
    const refused = await Promise.all(Array.from({ length: 12 }, () => endOf(dial(listener))));
    expect(refused).toEqual(Array.from({ length: 12 }, () => 'ECONNRESET'));
    const { key } = listener.servicePort;
    expect((await driver.limits()).get(key)?.[0]).toEqual({
      name: 'connections',
      now: 5,
      limit: 5,
      refused: 12,
    });
    expect((await driver.connections()).get(key)).toMatchObject([{ connections: 5, active: 5 }]);
    opened[0]?.client.resetAndDestroy();
    await expect.poll(async () => (await driver.limits()).get(key)?.[0]?.now, { timeout: 50_000 }).toBe(4);
    expect((await openOne(listener)).name).toBe('a');
  });

  it('skip an endpoint after its fifth failure, whichever of them saw it', async () => {
    const gone = await unusedEndpoint();
    const listener = await ownListenerOf([gone, ...(await named(['a', 'b', 'c']))]);
    await open(listener);
    const { failedAttempts } = await driver.counts();
    for (let at = 0; at < 60; at++) expect(await endOf(dial(listener).end())).toBe('ended');
    expect(await driver.counts()).toMatchObject({
      failedAttempts: failedAttempts + 5,
      upstream: { outlier_detection_ejections_active: 1, outlier_detection_ejections_enforced: 1 },
    });
    const described = (await driver.connections()).get(listener.servicePort.key);
    expect(described?.find(({ port }) => port === gone.port)).toMatchObject({ state: 'ejected' });
  });

  it('have applied a change when it is reported as applied', async () => {
    const endpoints = await named(['a', 'b']);
    const listener = await ownListenerOf(endpoints);
    await open(listener);
    for (let round = 0; round < 40; round++) {
      const serving = endpoints.slice(round % 2, (round % 2) + 1);
      const servicePort = { ...listener.servicePort, clusterEndpoints: serving, localEndpoints: serving };
      await driver.apply([{ kind: 'listener-update', listener: { ...listener, servicePort } }]);
      const name = round % 2 === 0 ? 'a' : 'b';
      expect(await replies(listener, 6)).toEqual({ [name]: 6 });
    }
  });

  it('report the records of their connections', async () => {
    const records: ConnectionRecord[] = [];
    const recording = world(workers, { onConnectionEnd: (record) => void records.push(record) });
    const listener = await ownListenerOf(await named(['a']));
    await recording.open(listener);
    await replies(listener, 20);
    await expect.poll(() => records.length, { timeout: 50_000 }).toBe(20);
    await recording.driver.close();
    expect(records.map(({ cause }) => cause)).toEqual(Array.from({ length: 20 }, () => 'closed'));
  });
});

describe('a worker thread that ends', () => {
  it('is reported once and replaced by one with all listeners; connections of the other one continue', async () => {
    const { driver, threads, failures, open } = world(2);
    const listener = await listenerOf([await endpoint(answering('a'))]);
    const later = await listenerOf(await named(['later']));
    await open(listener);
    const opened = await Promise.all(Array.from({ length: 24 }, () => openOne(listener)));
    const closed = opened.map(({ client }) => {
      const end = { isClosed: false };
      client.on('error', () => (end.isClosed = true)).on('end', () => (end.isClosed = true));
      return end;
    });
    await threads[1]?.terminate();
    // The successor answers too.
    await open(later);
    expect([threads.length, failures.length]).toEqual([3, 1]);
    await expect
      .poll(async () => [closed.filter(({ isClosed }) => !isClosed).length, (await driver.counts()).open], {
        timeout: 50_000,
      })
      .toSatisfy(([left = 0, open = 0]) => left === open && left < 24);
    const left = opened.filter((_, at) => closed[at]?.isClosed === false);
    for (const { client } of left) {
      client.write('?');
      expect(String((await once(client, 'data'))[0])).toBe('a');
    }
    // Both threads: the kernel spreads connections over their sockets.
    expect((await Promise.all(Array.from({ length: 20 }, () => openOne(listener)))).length).toBe(20);
    expect(await replies(later, 20)).toEqual({ later: 20 });
    await expect.poll(async () => (await driver.counts()).open, { timeout: 50_000 }).toBe(left.length + 20);
  });

  it('has a successor that applies the change that it did not', async () => {
    const { driver, threads, open } = world(2);
    const endpoints = await named(['a', 'b']);
    const listener = await listenerOf(endpoints.slice(0, 1));
    await open(listener);
    const changed = listenerAt('TCP', listener.port, { endpoints: endpoints.slice(1) });
    const ended = threads[0]?.terminate();
    expect(await driver.apply([{ kind: 'listener-update', listener: changed }])).toEqual([null]);
    await ended;
    expect(await replies(listener, 30)).toEqual({ b: 30 });
  });

  it('before it serves leaves the other one to serve, and is started again later', async () => {
    const timers: (() => void)[] = [];
    const clock = {
      ...systemClock,
      schedule: (delay: number, callback: () => void) => {
        timers.push(callback);
        return delay === 1000 ? () => {} : systemClock.schedule(delay, callback);
      },
    };
    const started: Worker[] = [];
    const { driver, failures } = world(2, {
      clock,
      startThread(setup) {
        const worker = startThread(setup);
        started.push(worker);
        if (started.length === 2) void worker.terminate();
        return worker;
      },
    });
    const listener = await listenerOf(await named(['a']));
    expect(await driver.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
    expect([failures.length, started.length]).toEqual([1, 2]);
    expect(await replies(listener, 10)).toEqual({ a: 10 });
    timers[0]?.();
    expect(started.length).toBe(3);
    expect(await driver.apply([{ kind: 'listener-update', listener }])).toEqual([null]);
    expect(await replies(listener, 10)).toEqual({ a: 10 });
  });
});

describe('a port that another process has open', () => {
  it.each([false, true])(
    'is reported, and no thread has it open (shared by that process: %s)',
    async (reusePort) => {
      const { driver, open } = world(2);
      const port = await freePort();
      const other = createServer((socket) => void socket.on('error', () => {}).end('other'));
      other.listen({ host: '127.0.0.1', port, reusePort });
      await once(other, 'listening');
      held.push({ close: () => other.close() });
      const listener = listenerAt('TCP', port, { endpoints: await named(['a']) });
      const [error] = await driver.apply([{ kind: 'listener-open', listener }]);
      expect(error).toMatchObject({
        code: 'busy',
        message: `${listenerKey(listener)}: another process has this port open`,
      });
      const seen = await driver.observe();
      expect(seen.ok ? seen.value.listeners : null).toEqual(new Set());
      expect(await replies(listener, 10)).toEqual({ other: 10 });
      other.close();
      await once(other, 'close');
      await open(listener);
      expect(await replies(listener, 10)).toEqual({ a: 10 });
    },
  );
});

/** `connected`, also if it is reset later; or the code of the error. */
async function connecting(listener: Listener): Promise<string> {
  const client = dial(listener);
  try {
    await once(client, 'connect');
    return 'connected';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  } finally {
    client.on('error', () => {}).destroy();
  }
}

describe('the end of the driver', () => {
  it('lets connections of all threads end, and accepts no more', async () => {
    const { driver, open } = world(2, { drainTimeout: 60_000 });
    const listener = await listenerOf([await endpoint(answering('a'))]);
    await open(listener);
    const opened = await Promise.all(Array.from({ length: 12 }, () => openOne(listener)));
    const state = { isClosed: false };
    const closing = driver.close().then(() => (state.isClosed = true));
    await expect.poll(() => connecting(listener), { timeout: 50_000 }).toBe('ECONNREFUSED');
    expect(state.isClosed).toBe(false);
    for (const { client } of opened) {
      client.write('?');
      expect(String((await once(client, 'data'))[0])).toBe('a');
      client.resetAndDestroy();
    }
    await closing;
  });

  it('resets connections after the drain timeout', async () => {
    const { driver, open } = world(2, { drainTimeout: 1 });
    const listener = await listenerOf([await endpoint(answering('a'))]);
    await open(listener);
    const opened = await Promise.all(Array.from({ length: 6 }, () => openOne(listener)));
    const ends = opened.map(({ client }) => endOf(client));
    await driver.close();
    expect(await Promise.all(ends)).toEqual(Array.from({ length: 6 }, () => 'ECONNRESET'));
  });
});

it('a pool that has ended has no open files, so that another one has the whole limit', async () => {
  const files = createFilePool(100);
  const pool = createWorkerPool({
    threads: 2,
    files,
    clock: systemClock,
    udpTimeout: 1000,
    tcpIdleTimeout: 1000,
    drainTimeout: 0,
    onConnectionEnd: null,
    onWorkerFailure: () => {},
  });
  const listener = await listenerOf([await endpoint(greet('a'))]);
  expect(await pool.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
  expect(files.used.reduce((sum, each) => sum + each, 0)).toBe(2 * 8 + 2);
  await pool.drain();
  expect(new Set(files.used)).toEqual(new Set([0]));
});

it('the limit of open files applies to all threads together', async () => {
  // Two threads with 8 files of their own, and a listening socket each; then 5 connections.
  const { driver, open } = world(2, { fileLimit: 2 * 8 + 2 + 5 * 2 });
  const listener = await listenerOf([await endpoint(answering('a'))]);
  await open(listener);
  const opened = await Promise.all(Array.from({ length: 5 }, () => openOne(listener)));
  expect(await endOf(dial(listener))).toBe('ECONNRESET');
  expect((await driver.counts()).overflow).toBe(1);
  opened[0]?.client.resetAndDestroy();
  await expect.poll(async () => (await driver.counts()).open, { timeout: 50_000 }).toBe(4);
  expect((await openOne(listener)).name).toBe('a');
});

it('a UDP client keeps its session when a thread ends that does not have it', async () => {
  const server = createSocket('udp4', (data, { port, address }) =>
    server.send(`${data} ${port}`, port, address),
  );
  held.push({ close: () => server.close() });
  await new Promise<void>((resolve) => void server.bind(0, '127.0.0.1', resolve));
  const endpoints = [{ address: '127.0.0.1', port: server.address().port, isLocal: true }];
  const { driver, threads, failures } = world(3);
  const listeners = [];
  for (let at = 0; at < 6; at++) listeners.push(listenerAt('UDP', await freePort(), { endpoints }));
  const operations = listeners.map((listener) => ({ kind: 'listener-open', listener }) as const);
  expect(await driver.apply(operations)).toEqual(listeners.map(() => null));
  const client = createSocket('udp4');
  held.push({ close: () => client.close() });
  await new Promise<void>((resolve) => void client.bind(0, '127.0.0.1', resolve));
  const ask = async (port: number): Promise<string> => {
    const answer = deferred<string>();
    client.once('message', (data) => answer.resolve(String(data)));
    client.send('?', port, '127.0.0.1');
    return answer.promise;
  };
  const before: string[] = [];
  for (const { port } of listeners) before.push(await ask(port));
  await threads[0]?.terminate();
  await driver.apply(operations);
  expect(failures).toHaveLength(1);
  const after: string[] = [];
  for (const { port } of listeners) after.push(await ask(port));
  const kept = after.filter((each, at) => each === before[at]).length;
  // A session that did not end forwards from the same port.
  expect(kept).toBe(12 - (await driver.counts()).forwarded);
});
