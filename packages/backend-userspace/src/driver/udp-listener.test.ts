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

async function serve() {
  sockets.length = 0;
  const clock = createManualClock();
  const driver = createSystemDriver({ family: 'IPv4', serviceAddresses: 'none', fileLimit: 20_000, clock });
  const listener = listenerAt('UDP', 53, { endpoints: [ENDPOINT] });
  expect(await driver.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
  const [frontend, ...others] = sockets;
  expect(others).toEqual([]);
  const receive = (address: string, port: number) =>
    frontend?.emit('message', Buffer.from('x'), { address, port });
  return { driver, receive };
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
