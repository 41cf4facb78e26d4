import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { Logger } from '../logging/logger.ts';
import { createConnectionBudget } from './connection-budget.ts';
import { BIND_RETRY, startListener, type Listener } from './listener.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function occupy(port = 0): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  undo.push(() => server.close());
  await once(server, 'listening');
  return server;
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

function start(port: number) {
  const clock = createManualClock();
  const errors: string[] = [];
  const error: Logger['error'] = (message) => void errors.push(message);
  const listener: Listener = startListener({
    name: 'healthz',
    address: { host: '127.0.0.1', port },
    handler: (_request, response) => void response.end('ok'),
    bounds: { budget: createConnectionBudget(20) },
    clock,
    logger: { error } as Logger,
    onBindError: () => 'try-again',
  });
  undo.push(() => listener.close());
  return { clock, errors, listener };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe('a listener whose address is in use', () => {
  it('tries again every 5 s, and listens once the address is free', async () => {
    const other = await occupy();
    const { clock, errors, listener } = start(portOf(other));
    for (let tries = 1; tries <= 3; tries++) {
      await clock.waitForTimer(({ delayMs }) => delayMs === BIND_RETRY);
      expect(errors).toHaveLength(tries);
      expect(listener.address()).toBeNull();
      if (tries === 3) await new Promise((resolve) => other.close(resolve));
      clock.advance(BIND_RETRY);
    }
    await expect.poll(() => listener.address()?.port).toBeGreaterThan(0);
    expect(clock.pending).toEqual([]);
  });

  it('does not try again after it was closed', async () => {
    const other = await occupy();
    const port = portOf(other);
    const { clock, errors, listener } = start(port);
    await clock.waitForTimer(({ delayMs }) => delayMs === BIND_RETRY);
    await listener.close();
    expect(clock.pending).toEqual([]);
    await new Promise((resolve) => other.close(resolve));
    clock.advance(10 * BIND_RETRY);
    // Free: the port can be taken.
    await occupy(port);
    expect(errors).toHaveLength(1);
  });

  it('does not report or retry a try that fails after it was closed', async () => {
    const other = await occupy();
    const { clock, errors, listener } = start(portOf(other));
    await listener.close();
    // The failure of the same moment's bind is an event of the past as soon as a later bind has succeeded.
    await occupy();
    expect(errors).toEqual([]);
    expect(clock.pending).toEqual([]);
  });
});

describe('a listener that is closed before it listens', () => {
  it('does not listen afterwards', async () => {
    const reserved = await occupy();
    const port = portOf(reserved);
    await new Promise((resolve) => reserved.close(resolve));
    const { listener } = start(port);
    await listener.close();
    await occupy();
    expect(await connects(port)).toBe(false);
    expect(listener.address()).toBeNull();
  });
});
