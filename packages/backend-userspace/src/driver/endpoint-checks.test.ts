/** Checks of endpoints that an annotation requests, with real sockets on loopback addresses. */
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  closeAll,
  dial,
  endOf,
  endpoint,
  greet,
  listenerAt,
  listenerOf,
  readAll,
  serve,
  unusedEndpoint,
} from '../testing/loopback.ts';

afterEach(closeAll);

const INTERVAL = 10_000;
const checks = { connections: { checkInterval: INTERVAL, outlierFailures: 0 } };

async function world(clock = createManualClock(0, 0.999)) {
  const gone = await unusedEndpoint();
  const listener = await listenerOf([gone, await endpoint(greet('alive'))], checks);
  const driver = await serve(listener, { clock });
  const upstream = async () => (await driver.counts()).upstream;
  return {
    clock,
    gone,
    listener,
    driver,
    /** Until all checks of the next round have a result. */
    round: async (): Promise<void> => {
      const { health_check_attempt: before } = await upstream();
      clock.advance(INTERVAL);
      await expect
        .poll(async () => (await upstream()).health_check_attempt, { timeout: 50_000 })
        .toBe(before + 2);
    },
    state: async () =>
      (await driver.connections()).get(listener.servicePort.key)?.find(({ port }) => port === gone.port)
        ?.state,
  };
}

describe('an endpoint that fails its checks', () => {
  it('gets no connection after the third one, until a check succeeds', async () => {
    const { round, state, driver, listener, gone } = await world();
    await round();
    await round();
    expect(await state()).toBeUndefined();
    await round();
    expect(await state()).toBe('unhealthy');
    for (let at = 0; at < 4; at++) expect(await readAll(dial(listener))).toBe('alive');
    expect(await driver.counts()).toMatchObject({ failedAttempts: 0, upstream: { health_check_failure: 3 } });
    await endpoint(greet('back'), gone.port);
    await round();
    expect(await state()).toBeUndefined();
    const replies = [await readAll(dial(listener)), await readAll(dial(listener))];
    expect(replies.sort()).toEqual(['alive', 'back']);
  });

  it('is used again when the annotation is removed, and no check remains', async () => {
    const { round, state, driver, listener, clock } = await world();
    for (let at = 0; at < 3; at++) await round();
    expect(await state()).toBe('unhealthy');
    const { connections: _, ...servicePort } = listener.servicePort;
    await driver.apply([{ kind: 'listener-update', listener: { ...listener, servicePort } }]);
    expect(await state()).toBeUndefined();
    expect(clock.pending).toEqual([]);
  });

  it('is not reported once it was removed from the Service', async () => {
    const { round, state, driver, listener, gone } = await world();
    for (let at = 0; at < 3; at++) await round();
    const others = listener.servicePort.clusterEndpoints.filter(({ port }) => port !== gone.port);
    const more = [...others, await endpoint(greet('new'))];
    const servicePort = { ...listener.servicePort, clusterEndpoints: more, localEndpoints: more };
    await driver.apply([{ kind: 'listener-update', listener: { ...listener, servicePort } }]);
    await round();
    expect(await state()).toBeUndefined();
  });
});

describe('checks of a Service', () => {
  it('open a connection to each endpoint and close it', async () => {
    const opened: Promise<string>[] = [];
    const clock = createManualClock(0, 0.5);
    const listener = await listenerOf([await endpoint((socket) => void opened.push(endOf(socket)))], checks);
    const driver = await serve(listener, { clock, fileLimit: 2 });
    clock.advance(INTERVAL / 2);
    await expect.poll(() => opened.length, { timeout: 50_000 }).toBe(1);
    expect(await opened[0]).toBe('ended');
    expect(await driver.counts()).toMatchObject({
      open: 0,
      forwarded: 0,
      upstream: { upstream_cx_active: 0 },
    });
    // The file of the first check is free again.
    const next = (): number => {
      clock.advance(INTERVAL);
      return opened.length;
    };
    await expect.poll(next, { timeout: 50_000 }).toBeGreaterThan(1);
  });

  it('begin 50 at a time, all of them in the first half of the interval', async () => {
    const clock = createManualClock(0, 0.5);
    const { port } = await unusedEndpoint();
    const hosts = Array.from({ length: 120 }, (_, at) => ({ address: `127.0.1.${at}`, port, isLocal: true }));
    const listener = await listenerOf(hosts, checks);
    const driver = await serve(listener, { clock });
    const open = (): number => clock.pending.filter(({ delayMs }) => delayMs === 1000).length;
    const attempts = async (): Promise<number> => (await driver.counts()).upstream.health_check_attempt;
    clock.advance(INTERVAL / 2);
    expect(open()).toBe(50);
    await expect.poll(attempts, { timeout: 50_000 }).toBe(50);
    clock.advance(INTERVAL / 6 + 1);
    expect(open()).toBe(50);
    await expect.poll(attempts, { timeout: 50_000 }).toBe(100);
    clock.advance(INTERVAL / 6);
    expect(open()).toBe(20);
    await driver.apply([{ kind: 'listener-close', listener }]);
    expect(clock.pending).toEqual([]);
  });

  it('end when its listener is closed', async () => {
    const { driver, listener, clock } = await world();
    expect(clock.pending).toHaveLength(1);
    await driver.apply([{ kind: 'listener-close', listener }]);
    expect(clock.pending).toEqual([]);
  });

  it('end with the data path', async () => {
    const { driver, clock } = await world();
    await driver.close();
    expect(clock.pending).toEqual([]);
  });

  it('are not made for UDP', async () => {
    const clock = createManualClock();
    const { port } = await unusedEndpoint();
    await serve(listenerAt('UDP', port, { endpoints: [await unusedEndpoint()], ...checks }), { clock });
    expect(clock.pending).toEqual([]);
  });
});
