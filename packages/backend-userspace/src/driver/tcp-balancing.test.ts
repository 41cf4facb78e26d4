/** Each algorithm with real sockets on loopback addresses. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { maglevSlot, maglevTable, type BalancingAlgorithm, type DesiredEndpoint } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { seededRandom } from '@signalbox/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { CHI_SQUARE_LIMITS, chiSquare } from '../testing/chi-square.ts';
import { closeAll, dial, endpoint, greet, held, listenerOf, readAll, serve } from '../testing/loopback.ts';
import type { Listener } from '../objects/listener.ts';

afterEach(closeAll);

const NAMES = ['a', 'b', 'c'];

async function balanced(balancing: BalancingAlgorithm, weights = [1, 1, 1], onConnection = greet) {
  const endpoints = await Promise.all(
    weights.map(async (weight, at) => ({ ...(await endpoint(onConnection(NAMES[at] ?? ''))), weight })),
  );
  const { servicePort, ...listener } = await listenerOf(endpoints);
  return {
    endpoints,
    listener: { ...listener, servicePort: { ...servicePort, balancing } } satisfies Listener,
  };
}

async function replies(listener: Listener, count: number): Promise<number[]> {
  const counts = [0, 0, 0];
  for (let at = 0; at < count; at++) {
    const name = NAMES.indexOf(await readAll(dial(listener)));
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('TCP connections', () => {
  it('have turns by weight with round-robin', async () => {
    const { listener } = await balanced('round-robin', [5, 1, 1]);
    await serve(listener);
    expect(await replies(listener, 14)).toEqual([10, 2, 2]);
  });

  it('have random endpoints by weight with random (chi-square)', async () => {
    const { listener } = await balanced('random', [1, 2, 3]);
    const clock = { ...createManualClock(), random: seededRandom(3) };
    await serve(listener, { clock });
    expect(chiSquare(await replies(listener, 180), [1, 2, 3])).toBeLessThan(CHI_SQUARE_LIMITS[2] ?? 0);
  });

  it('go where the fewest are open with least-connections', async () => {
    const echoName = (name: string) => (socket: Socket) => void socket.on('data', () => socket.write(name));
    const { listener } = await balanced('least-connections', [1, 1, 1], echoName);
    const driver = await serve(listener);
    const open = async () => {
      const client = dial(listener);
      client.write('?');
      const [name] = await once(client, 'data');
      return { client, name: String(name) };
    };
    const first = [];
    for (let at = 0; at < 6; at++) first.push(await open());
    expect(first.map(({ name }) => name).sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    for (const { client, name } of first) if (name === 'b') client.resetAndDestroy();
    await expect.poll(async () => (await driver.counts()).open, { timeout: 50_000 }).toBe(4);
    expect([(await open()).name, (await open()).name]).toEqual(['b', 'b']);
  });

  it('of a client go to one endpoint with maglev, also when another one leaves', async () => {
    const { listener, endpoints } = await balanced('maglev');
    const driver = await serve(listener);
    const from = (localAddress: string): Promise<string> => {
      const client = connect({ host: '127.0.0.1', port: listener.port, localAddress });
      held.push({ close: () => client.destroy() });
      return readAll(client);
    };
    const clients = Array.from({ length: 12 }, (_, at) => `127.0.0.${at + 2}`);
    const desired = (among: readonly DesiredEndpoint[]) =>
      clients.map((client) => {
        const table = maglevTable(among);
        const chosen = among[table[maglevSlot(client, table)] ?? 0];
        return NAMES[endpoints.findIndex(({ port }) => port === chosen?.port)];
      });
    const before = [await Promise.all(clients.map(from)), await Promise.all(clients.map(from))];
    expect(before).toEqual([desired(endpoints), desired(endpoints)]);
    const left = endpoints.slice(1);
    const servicePort = { ...listener.servicePort, clusterEndpoints: left, localEndpoints: left };
    await driver.apply([{ kind: 'listener-update', listener: { ...listener, servicePort } }]);
    expect(await Promise.all(clients.map(from))).toEqual(desired(left));
  });
});
