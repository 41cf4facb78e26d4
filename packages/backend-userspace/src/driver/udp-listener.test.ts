/** UDP frontends on sockets that are never opened: clients of any number and address. */
import type { EventEmitter } from 'node:events';
import { createManualClock } from '@signalbox/core/testing';
import { expect, it, vi } from 'vitest';
import { listenerAt } from '../testing/loopback.ts';
import { createSystemDriver } from './system-driver.ts';

interface FakeSocket extends EventEmitter {
  isClosed: boolean;
}

/** In the order in which they were made. */
const sockets = vi.hoisted((): FakeSocket[] => []);

vi.mock('node:dgram', async () => {
  const events = await import('node:events');
  const createSocket = () => {
    const socket = Object.assign(new events.EventEmitter(), {
      isClosed: false,
      bind: (_: unknown, done: () => void) => done(),
      connect: (_port: number, _address: string, done: () => void) => done(),
      send: () => undefined,
      close: () => void (socket.isClosed = true),
    });
    sockets.push(socket);
    return socket;
  };
  return { createSocket };
});

const ENDPOINT = { address: '10.244.0.1', port: 53, isLocal: true };

type Shape = Parameters<typeof listenerAt>[2];

async function serve(shape: Partial<Shape> = {}) {
  sockets.length = 0;
  const clock = createManualClock();
  const driver = createSystemDriver({ family: 'IPv4', serviceAddresses: 'none', fileLimit: 20_000, clock });
  const listener = listenerAt('UDP', 53, { endpoints: [ENDPOINT], ...shape });
  expect(await driver.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
  const [frontend, ...others] = sockets;
  expect(others).toEqual([]);
  const receive = (address: string, port: number) =>
    frontend?.emit('message', Buffer.from('x'), { address, port });
  return { driver, clock, listener, receive };
}

it('closes the oldest session of a frontend for one beyond 8192, and no session before', async () => {
  const { driver, receive } = await serve();
  for (let client = 0; client < 8192; client++) receive('192.0.2.1', 1024 + client);
  expect(await driver.counts()).toMatchObject({ open: 8192, forwarded: 8192 });
  receive('192.0.2.2', 1024);
  expect(await driver.counts()).toMatchObject({ open: 8192, forwarded: 8193, overflow: 0 });
  const [, ...sessions] = sockets;
  expect(sessions.flatMap(({ isClosed }, index) => (isClosed ? [index] : []))).toEqual([0]);
  await driver.close();
});

it('serves clients at an address of the node, by a route for these, from its addition until its deletion', async () => {
  const { driver, receive } = await serve({
    routes: [
      { source: 'node', target: 'cluster', masquerade: false, rule: 'S28' },
      { source: 'any', target: 'drop', masquerade: false, rule: 'S22' },
    ],
  });
  const address = '10.96.0.10';
  const counts: unknown[] = [];
  const ask = async (port: number): Promise<void> => {
    receive(address, port);
    const { forwarded, refused } = await driver.counts();
    counts.push([forwarded, refused]);
  };
  await ask(1);
  await driver.apply([{ kind: 'address-add', address }]);
  await ask(2);
  await driver.apply([{ kind: 'address-delete', address }]);
  await ask(3);
  expect(counts).toEqual([
    [0, 1],
    [1, 1],
    [1, 2],
  ]);
  await driver.close();
});

it('takes no turn of the endpoints for a datagram that is dropped at a limit', async () => {
  const endpoints = [ENDPOINT, { ...ENDPOINT, address: '10.244.0.2' }];
  const { driver, clock, listener, receive } = await serve({ endpoints, connections: { maxConnections: 1 } });
  receive('192.0.2.1', 1);
  receive('192.0.2.2', 1);
  clock.advance(30_000);
  receive('192.0.2.3', 1);
  expect(await driver.counts()).toMatchObject({ forwarded: 2, upstream: { upstream_cx_overflow: 1 } });
  const connections = (await driver.connections()).get(listener.servicePort.key);
  expect(connections?.map((each) => each.connections)).toEqual([1, 1]);
  await driver.close();
});
