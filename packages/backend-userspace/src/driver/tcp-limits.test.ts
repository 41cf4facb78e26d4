/** Limits from annotations, and endpoints that are ejected, with real sockets on loopback addresses. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  closeAll,
  dial,
  endOf,
  endpoint,
  greet,
  listenerOf,
  readAll,
  serve,
  unusedEndpoint,
} from '../testing/loopback.ts';
import { stalledEndpoint } from '../testing/stalled-endpoint.ts';

afterEach(closeAll);

const echo = (socket: Socket): void => void socket.pipe(socket);

async function answered(client: Socket): Promise<void> {
  client.write('x');
  await once(client, 'data');
}

describe('limits of a Service', () => {
  it('reset connections above the maximum and count them, until another has ended', async () => {
    const listener = await listenerOf([await endpoint(echo)], { connections: { maxConnections: 2 } });
    const driver = await serve(listener);
    const open = [dial(listener), dial(listener)];
    for (const client of open) await answered(client);
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await driver.counts()).toMatchObject({
      open: 2,
      overflow: 0,
      upstream: { upstream_cx_active: 2, upstream_cx_overflow: 1 },
    });
    expect((await driver.limits()).get(listener.servicePort.key)?.[0]).toEqual({
      name: 'connections',
      now: 2,
      limit: 2,
      refused: 1,
    });
    expect(await readAll((open[0] as Socket).end())).toBe('');
    await expect.poll(() => driver.counts(), { timeout: 60_000 }).toMatchObject({ open: 1 });
    expect(await readAll(dial(listener).end('served'))).toBe('served');
  });

  it('reset connections while too many wait for an endpoint', async () => {
    const stalled = await stalledEndpoint();
    const clock = createManualClock(0, 0.999);
    const listener = await listenerOf([stalled.endpoint], { connections: { maxPendingConnects: 1 } });
    const driver = await serve(listener, { clock });
    const first = readAll(dial(listener));
    await clock.waitForTimer(({ delayMs }) => delayMs === 250);
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await driver.counts()).toMatchObject({ open: 1, upstream: { upstream_rq_pending_overflow: 1 } });
    stalled.release();
    expect(await first).toBe('late');
  });

  it('give a connection one attempt with no retries', async () => {
    const endpoints = [await unusedEndpoint(), await endpoint(greet('alive'))];
    const listener = await listenerOf(endpoints, { connections: { maxRetries: 0 } });
    const driver = await serve(listener, { clock: createManualClock(0, 0.999) });
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await readAll(dial(listener))).toBe('alive');
    expect(await driver.counts()).toMatchObject({
      failedAttempts: 1,
      unserved: 1,
      upstream: { upstream_rq_retry_overflow: 1, upstream_cx_connect_fail: 1 },
    });
  });

  it('end each attempt after the connect timeout', async () => {
    const stalled = await stalledEndpoint();
    const clock = createManualClock(0, 0.999);
    const endpoints = [stalled.endpoint, await endpoint(greet('alive'))];
    const listener = await listenerOf(endpoints, { connections: { connectTimeout: 7000 } });
    const driver = await serve(listener, { clock });
    const reply = readAll(dial(listener));
    await clock.waitForTimer(({ delayMs }) => delayMs === 7000);
    clock.advance(7000);
    expect(await reply).toBe('alive');
    expect(await driver.counts()).toMatchObject({ upstream: { upstream_cx_connect_timeout: 1 } });
  });

  it('reset a connection after the idle timeout', async () => {
    const listener = await listenerOf([await endpoint(echo)], { connections: { idleTimeout: 50 } });
    await serve(listener);
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
  });
});

/** One after the other. */
async function ends(listener: { readonly port: number }, count: number): Promise<string[]> {
  const all: string[] = [];
  for (let at = 0; at < count; at++) all.push(await endOf(dial(listener)));
  return all;
}

describe('an endpoint that refuses every connection', () => {
  it('is ejected without an error for a client, and used again when the ejection is over', async () => {
    const gone = await unusedEndpoint();
    const endpoints = [gone, await endpoint(greet('a')), await endpoint(greet('b'))];
    const listener = await listenerOf(endpoints);
    const clock = createManualClock(0, 0.999);
    const driver = await serve(listener, { clock });
    expect(new Set(await ends(listener, 60))).toEqual(new Set(['ended']));
    expect(await driver.counts()).toMatchObject({
      forwarded: 60,
      failedAttempts: 5,
      unserved: 0,
      upstream: { outlier_detection_ejections_active: 1, outlier_detection_ejections_enforced: 1 },
    });
    const described = (await driver.connections()).get(listener.servicePort.key);
    expect(described?.find(({ port }) => port === gone.port)).toMatchObject({
      connections: 0,
      state: 'ejected',
      ejectedSeconds: 30,
    });
    clock.advance(30_000);
    await endpoint(greet('back'), gone.port);
    const replies: string[] = [];
    for (let at = 0; at < 3; at++) replies.push(await readAll(dial(listener)));
    expect(replies.sort()).toEqual(['a', 'b', 'back']);
    expect(await driver.counts()).toMatchObject({ upstream: { outlier_detection_ejections_active: 0 } });
  });
});

/** Both read before they answer: an endpoint that resets at once may do so before the connection is established. */
const resetting = (socket: Socket): void => void socket.once('data', () => socket.resetAndDestroy());
const answering = (socket: Socket): void => void socket.once('data', () => socket.end('answer'));

/** One after the other. */
async function answers(listener: { readonly port: number }, count: number): Promise<string[]> {
  const all: string[] = [];
  for (let at = 0; at < count; at++) {
    const client = dial(listener);
    client.write('question');
    all.push(await endOf(client));
  }
  return all;
}

describe('an endpoint that accepts and resets every connection', () => {
  it('is ejected after five: later clients have no error', async () => {
    const endpoints = [await endpoint(resetting), await endpoint(answering), await endpoint(answering)];
    const listener = await listenerOf(endpoints);
    const driver = await serve(listener, { clock: createManualClock(0, 0.999) });
    const seen = await answers(listener, 30);
    expect(seen.filter((each) => each !== 'ended')).toEqual(Array.from({ length: 5 }, () => 'ECONNRESET'));
    expect(new Set(seen.slice(13))).toEqual(new Set(['ended']));
    expect(await driver.counts()).toMatchObject({
      failedAttempts: 0,
      upstream: { outlier_detection_ejections_enforced: 1, outlier_detection_ejections_active: 1 },
    });
  });

  it('is not ejected if the annotation turns that off', async () => {
    const listener = await listenerOf([await endpoint(resetting), await endpoint(answering)], {
      connections: { outlierFailures: 0 },
    });
    await serve(listener, { clock: createManualClock(0, 0.999) });
    expect((await answers(listener, 20)).filter((each) => each !== 'ended')).toHaveLength(10);
  });

  it('is not ejected while it answers in between', async () => {
    const state = { served: 0 };
    const flaky = (socket: Socket): void =>
      state.served++ % 5 === 4 ? answering(socket) : resetting(socket);
    const listener = await listenerOf([await endpoint(flaky), await endpoint(answering)]);
    const driver = await serve(listener, { clock: createManualClock(0, 0.999) });
    expect((await answers(listener, 40)).filter((each) => each !== 'ended')).toHaveLength(16);
    expect(await driver.counts()).toMatchObject({ upstream: { outlier_detection_ejections_enforced: 0 } });
  });
});

describe('an endpoint that never sends a byte', () => {
  it('has no failure from clients that reset their connections', async () => {
    const state = { received: 0, closed: 0 };
    const silent = (socket: Socket): void =>
      void socket.on('data', () => state.received++).once('close', () => state.closed++);
    const listener = await listenerOf([await endpoint(silent)], { connections: { outlierFailures: 1 } });
    const driver = await serve(listener);
    for (let at = 1; at <= 3; at++) {
      const client = dial(listener);
      client.write('data');
      await expect.poll(() => state.received, { timeout: 60_000 }).toBe(at);
      client.resetAndDestroy();
      await expect.poll(() => state.closed, { timeout: 60_000 }).toBe(at);
    }
    expect((await driver.counts()).upstream).toMatchObject({
      outlier_detection_ejections_enforced: 0,
      outlier_detection_ejections_overflow: 0,
    });
  });
});
