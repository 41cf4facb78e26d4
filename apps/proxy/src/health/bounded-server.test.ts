import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { freePort } from '../testing/free-port.ts';
import { createBoundedServer, TIME_LIMITS, type Bounds } from './bounded-server.ts';
import { connectionLimit, createConnectionBudget, maxOpenFiles } from './connection-budget.ts';
import { startListener } from './listener.ts';
import { text, type Handler } from './respond.ts';

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

const ok: Handler = (_request, response) => text(response, 'ok');

async function listening(bounds: Bounds, handler: Handler = ok): Promise<number> {
  const server = createBoundedServer(handler, bounds);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ending.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** A connection over which `bytes` have been sent and no more follow. */
async function slow(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  ending.push(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

const LONG = { ...TIME_LIMITS, headers: 600_000, request: 600_000, idle: 600_000 };

describe('connections to the servers of the proxy', () => {
  it('that are too many give way to newer ones, of all servers together', async () => {
    const budget = createConnectionBudget(20);
    const health = await listening({ budget, times: LONG });
    const other = await listening({ budget, times: LONG });
    const begun = await Promise.all(
      Array.from({ length: 150 }, (_, index) =>
        slow(index % 2 === 0 ? health : other, 'GET /healthz HTTP/1.1\r\nHost: '),
      ),
    );
    const answers = await Promise.all([health, other].map((port) => fetch(`http://127.0.0.1:${port}/`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(budget.count()).toBe(20);
    const closed = begun.filter((socket) => socket.destroyed || socket.readableEnded).length;
    expect(closed).toBeGreaterThan(0);
  });

  it('that are in use outlast those that are not', async () => {
    const budget = createConnectionBudget(2);
    const port = await listening({ budget, times: LONG });
    const used = await slow(port, '');
    const unused = await slow(port, '');
    used.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(used, 'data');
    const closed = once(unused, 'close');
    unused.resume();
    await slow(port, '');
    await closed;
    expect(used.destroyed).toBe(false);
  });

  it.each([
    ['sends nothing', { headers: 50 }, ''],
    ['does not end its headers', { headers: 50 }, 'GET / HTTP/1.1\r\nHost: '],
    [
      'does not end its body',
      { headers: 50, request: 60 },
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx',
    ],
    ['sends no second request', { keepAlive: 50 }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('of a client that %s are closed', async (_, times, bytes) => {
    const budget = createConnectionBudget(5);
    const never: Handler = (request, response) => {
      request.resume();
      request.on('end', () => response.end('ok'));
    };
    const port = await listening({ budget, times: { ...LONG, checkEvery: 10, ...times } }, never);
    const socket = await slow(port, bytes);
    socket.resume();
    await once(socket, 'close');
    // The server's end of it follows.
    while (budget.count() > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('of a client that does not read its answer are closed', async () => {
    const budget = createConnectionBudget(5);
    let asked: (connection: Socket) => void = () => undefined;
    const connection = new Promise<Socket>((resolve) => (asked = resolve));
    const large: Handler = (request, response) => {
      asked(request.socket);
      response.end('x'.repeat(32 << 20));
    };
    const port = await listening({ budget, times: { ...LONG, idle: 100 } }, large);
    const socket = await slow(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    socket.pause();
    await once(await connection, 'close');
    expect(budget.count()).toBe(0);
  });

  it.each([
    [1024, 256],
    [1_048_576, 256],
    [Number.POSITIVE_INFINITY, 256],
    [128, 32],
    [16, 8],
  ])('are a part of the %s files that may be open: %s', (files, connections) => {
    expect(connectionLimit(files)).toBe(connections);
  });

  it('are counted against the soft limit of the process', () => {
    const limits =
      'Limit  Soft Limit  Hard Limit  Units\nMax open files            128                  4096                 files\n';
    expect(maxOpenFiles(limits)).toBe(128);
    expect(maxOpenFiles('Max open files            unlimited            unlimited            files\n')).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(maxOpenFiles(null)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a server that has no descriptor for a connection', () => {
  it('goes on listening, and the failure is not one of its address', async () => {
    const port = await freePort();
    const lines: string[] = [];
    const refused: string[] = [];
    let server: Server | null = null;
    const listener = startListener({
      name: 'healthz',
      address: { host: '127.0.0.1', port },
      bounds: { budget: createConnectionBudget(20) },
      clock: createManualClock(),
      handler: (request, response) => {
        server = (request.socket as Socket & { server: Server }).server;
        ok(request, response);
      },
      logger: createLogging(
        { format: 'text', verbosity: 0, vmodule: [] },
        { write: (line) => lines.push(line), now: () => 0, pid: 1 },
      ).logger,
      onBindError: (error) => {
        refused.push(error.message);
        return 'give-up';
      },
    });
    ending.push(() => listener.close());
    const ask = async (): Promise<number> => (await fetch(`http://127.0.0.1:${port}/`)).status;
    // The first answer may come before the address is bound.
    while (listener.address() === null) await new Promise((resolve) => setImmediate(resolve));
    expect(await ask()).toBe(200);
    const found = server as Server | null;
    found?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' }));
    expect(await ask()).toBe(200);
    expect({ lines, refused }).toEqual({ lines: [], refused: [] });
  });
});
