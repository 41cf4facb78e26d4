/** Endpoints that do not answer, answer late, stop or reset, and limits of the process, on loopback addresses. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { fullChange, type DesiredEndpoint } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  closeAll,
  deferred,
  dial,
  endOf,
  endpoint,
  freePort,
  greet,
  held,
  listenerOf,
  readAll,
  serve,
  unusedEndpoint,
} from '../testing/loopback.ts';
import { createLoopbackBackend } from '../testing/loopback-backend.ts';
import { stalledEndpoint } from '../testing/stalled-endpoint.ts';
import { connectOnce } from './connect-endpoint.ts';
import { connectionCapacity, FILES_PER_CONNECTION } from './open-files.ts';

afterEach(closeAll);

describe('an endpoint that does not answer', () => {
  it('is skipped for the next one after 250 ms', async () => {
    const stalled = await stalledEndpoint();
    const clock = createManualClock(0, 0.999);
    const listener = await listenerOf([stalled.endpoint, await endpoint(greet('alive'))]);
    const driver = await serve(listener, { clock });
    const reply = readAll(dial(listener));
    await clock.waitForTimer(({ delayMs }) => delayMs === 250);
    clock.advance(249);
    expect(await driver.counts()).toMatchObject({ open: 1, failedAttempts: 0 });
    clock.advance(1);
    expect(await reply).toBe('alive');
    expect(await driver.counts()).toMatchObject({ forwarded: 1, failedAttempts: 1, unserved: 0 });
  });

  it('leaves no socket open after an attempt that failed', async () => {
    const stalled = await stalledEndpoint();
    const clock = createManualClock();
    const sockets: Socket[] = [];
    const { promise, resolve } = deferred<string>();
    connectOnce({ endpoint: stalled.endpoint, timeout: 250 }, clock, {
      onAttempt(socket) {
        sockets.push(socket);
        held.push({ close: () => socket.destroy() });
      },
      onConnect: () => resolve('connected'),
      onFailedAttempt: (_, outcome) => resolve(outcome),
    });
    clock.advance(250);
    expect(await promise).toBe('timeout');
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  it('serves the connection when it answers a later attempt', async () => {
    const stalled = await stalledEndpoint();
    const clock = createManualClock(0, 0.999);
    const listener = await listenerOf([stalled.endpoint]);
    const driver = await serve(listener, { clock });
    const reply = readAll(dial(listener));
    await clock.waitForTimer(({ delayMs }) => delayMs === 250);
    clock.advance(250);
    stalled.release();
    expect(await reply).toBe('late');
    expect(await driver.counts()).toMatchObject({ forwarded: 1, failedAttempts: 1, unserved: 0 });
  });

  it('leaves no connection open when the client resets its connection', async () => {
    const stalled = await stalledEndpoint();
    const clock = createManualClock(0, 0.999);
    const listener = await listenerOf([stalled.endpoint]);
    const driver = await serve(listener, { clock });
    const client = dial(listener);
    await clock.waitForTimer(({ delayMs }) => delayMs === 250);
    client.resetAndDestroy();
    await expect.poll(() => driver.counts(), { timeout: 60_000 }).toMatchObject({ open: 0 });
    expect(clock.pending).toEqual([]);
  });
});

describe('an endpoint that accepts and does not read', () => {
  it('is reset when the client resets the connection', async () => {
    const accepted = deferred<Socket>();
    const clock = createManualClock(0, 0.999);
    const listener = await listenerOf([
      await endpoint((socket) => {
        socket.pause();
        accepted.resolve(socket);
      }),
    ]);
    const driver = await serve(listener, { clock });
    const client = dial(listener);
    client.on('error', () => {});
    // More than all buffers of the path contain, so that the proxy does not read to the end of the client.
    client.write(Buffer.alloc(32 << 20));
    const upstream = await accepted.promise;
    client.resetAndDestroy();
    await once(client, 'close');
    const counted = async (): Promise<number> => {
      clock.advance(30_000);
      return (await driver.counts()).open;
    };
    await expect.poll(counted, { timeout: 60_000 }).toBe(0);
    expect(await endOf(upstream)).toBe('ECONNRESET');
  });
});

/** Reopens at the same port. */
async function flapping(name: string) {
  const open = async (port: number): Promise<Server> => {
    const server = createServer((socket) => void socket.on('error', () => {}).end(name));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  const state = { server: await open(0) };
  const { port } = state.server.address() as AddressInfo;
  held.push({ close: () => state.server.close() });
  return {
    endpoint: { address: '127.0.0.1', port, isLocal: true } satisfies DesiredEndpoint,
    stop: async () => {
      state.server.close();
      await once(state.server, 'close');
    },
    restart: async () => void (state.server = await open(port)),
  };
}

describe('endpoints that stop listening', () => {
  it('cause no error for a client while another endpoint serves', async () => {
    const endpoints = await Promise.all(['a', 'b', 'c'].map(flapping));
    const listener = await listenerOf(endpoints.map((each) => each.endpoint));
    const clock = createManualClock();
    const driver = await serve(listener, { clock });
    for (const gone of endpoints) {
      await gone.stop();
      const replies = await Promise.all(Array.from({ length: 30 }, () => readAll(dial(listener).end())));
      expect(new Set(replies).size).toBe(2);
      expect(replies).not.toContain('');
      await gone.restart();
      // Until then it may be ejected.
      clock.advance(30_000);
    }
    expect(await driver.counts()).toMatchObject({ forwarded: 90, unserved: 0 });
  });

  it('cause no error for a client if one of three serves', async () => {
    const listener = await listenerOf([
      await unusedEndpoint(),
      await endpoint(greet('alive')),
      await unusedEndpoint(),
    ]);
    const driver = await serve(listener, { clock: createManualClock() });
    const replies = await Promise.all(Array.from({ length: 60 }, () => readAll(dial(listener))));
    expect(new Set(replies)).toEqual(new Set(['alive']));
    expect(await driver.counts()).toMatchObject({ forwarded: 60, unserved: 0 });
  });
});

describe('many connections', () => {
  it('are open at the same time, each to its own endpoint socket, and none is counted as open after they end', async () => {
    // This process has four sockets of each connection.
    const clock = createManualClock();
    const count = Math.min(2000, Math.floor(connectionCapacity().connections / 3));
    const listener = await listenerOf([await endpoint((socket) => void socket.pipe(socket))]);
    const driver = await serve(listener, { clock });
    const clients: Socket[] = [];
    for (let at = 0; at < count; at += 100) {
      const batch = Array.from({ length: Math.min(100, count - at) }, () => dial(listener));
      await Promise.all(batch.map((client) => once(client, 'connect')));
      clients.push(...batch);
    }
    const replies = clients.map((client, at) => {
      client.write(`${at}`);
      return once(client, 'data').then(([data]) => String(data));
    });
    expect(await Promise.all(replies)).toEqual(clients.map((_, at) => `${at}`));
    expect(await driver.counts()).toMatchObject({ open: count, forwarded: count, overflow: 0 });
    expect(await Promise.all(clients.map((client) => readAll(client.end())))).toEqual(clients.map(() => ''));
    await expect.poll(() => driver.counts(), { timeout: 60_000 }).toMatchObject({ open: 0 });
  });

  it('above the limit of open files are reset and counted, until others have ended', async () => {
    const listener = await listenerOf([await endpoint((socket) => void socket.pipe(socket))]);
    const driver = await serve(listener, { fileLimit: 1 + 2 * FILES_PER_CONNECTION });
    const open = [dial(listener), dial(listener)];
    for (const client of open) {
      client.write('x');
      await once(client, 'data');
    }
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await driver.counts()).toMatchObject({ open: 2, overflow: 1, failedAttempts: 0 });
    expect(await readAll((open[0] as Socket).end())).toBe('');
    await expect.poll(() => driver.counts(), { timeout: 60_000 }).toMatchObject({ open: 1 });
    expect(await readAll(dial(listener).end('served'))).toBe('served');
  });
});

describe('ports that other processes have open', () => {
  it('are each reported as a failure of their service port, and are opened when they are free', async () => {
    const backend = createLoopbackBackend(['10.96.0.0/16=127.96.0.0/16', '10.244.0.0/16=127.244.0.0/16']);
    held.push(backend);
    const port = await freePort();
    const servicePorts = Array.from({ length: 40 }, (_, at) => {
      const each = sampleServicePort('IPv4', { index: at + 1 });
      return { ...each, frontends: each.frontends.map((frontend) => ({ ...frontend, port })) };
    });
    const state = sampleStateOf('IPv4', servicePorts);
    const others = await Promise.all(
      [10, 20, 30, 40].map(async (at) => {
        const server = createServer().listen(port, `127.96.0.${at}`);
        await once(server, 'listening');
        held.push(server);
        return server;
      }),
    );
    const first = await backend.sync(fullChange(state));
    expect(first.outcome).toBe('partial');
    expect(new Set(first.failures.map(({ key }) => key))).toEqual(
      new Set([9, 19, 29, 39].map((at) => servicePorts[at]?.key)),
    );
    for (const server of others) server.close();
    const again = await backend.sync(fullChange(state));
    expect(again).toMatchObject({ outcome: 'ok', failures: [] });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});
