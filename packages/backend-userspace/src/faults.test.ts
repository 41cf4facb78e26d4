/** Faults of endpoints and of the node, seen by clients of the backend: real sockets, processes and time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { sampleStateOf } from '@signalbox/backend-kit/testing';
import { fullChange, type DesiredEndpoint } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, dial, endOf, endpoint, freePort, greet, held, readAll } from './testing/loopback.ts';
import { createLoopbackBackend, serviceAt, type LoopbackService } from './testing/loopback-backend.ts';
import { stalledEndpoint } from './testing/stalled-endpoint.ts';
import type { UserspaceBackend } from './userspace-backend.ts';

afterEach(closeAll);

const DEADLINE = { timeout: 60_000 };

function createBackend(): UserspaceBackend {
  const backend = createLoopbackBackend();
  held.push(backend);
  return backend;
}

/** A Service with these endpoints; `reply`: of a new connection, or how it ended. */
async function serve(shape: LoopbackService) {
  const backend = createBackend();
  const port = await freePort();
  expect(await backend.sync(fullChange(sampleStateOf('IPv4', [serviceAt(port, shape)])))).toMatchObject({
    outcome: 'ok',
  });
  const reply = (): Promise<string> =>
    readAll(dial({ port })).catch(({ code }: NodeJS.ErrnoException) => code ?? 'unknown');
  return { backend, port, reply };
}

async function repliesOf(reply: () => Promise<string>, times: number): Promise<readonly string[]> {
  const replies: string[] = [];
  for (let at = 0; at < times; at++) replies.push(await reply());
  return replies;
}

/** Of an endpoint that ends: its listening socket and its connections. */
async function mortal(onConnection: (socket: Socket) => void) {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on('error', () => undefined));
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  held.push({ close: () => server.close() });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: { address: '127.0.0.1', port, isLocal: true } satisfies DesiredEndpoint,
    vanish: () => {
      server.close();
      for (const socket of open) socket.resetAndDestroy();
    },
  };
}

/** A connection to the endpoint that greets with this text. */
async function clientOf(port: number, greeting: string): Promise<Socket> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const client = dial({ port });
    const [text] = await once(client, 'data');
    if (String(text) === greeting) return client;
  }
  throw new Error(`no endpoint sent ${greeting}`);
}

describe('an endpoint that', () => {
  it('accepts and hangs is left at the idle timeout, and other endpoints serve', async () => {
    const silent = await endpoint(() => undefined);
    const hanging = await serve({ endpoints: [silent], connections: { idleTimeout: 200 } });
    expect(await hanging.reply()).toBe('ECONNRESET');
    const both = await serve({ endpoints: [silent, await endpoint(greet('alive'))] });
    expect(await Promise.race(Array.from({ length: 24 }, both.reply))).toBe('alive');
  });

  it('resets every connection is ejected: later clients have no error', async () => {
    const resetting = await endpoint((socket) => void socket.resetAndDestroy());
    const { reply } = await serve({
      endpoints: [resetting, await endpoint(greet('a')), await endpoint(greet('b'))],
    });
    const settled = async (): Promise<readonly string[]> => [...new Set(await repliesOf(reply, 12))].sort();
    await expect.poll(settled, DEADLINE).toEqual(['a', 'b']);
  });

  it('answers late serves the client that waited', async () => {
    const stalled = await stalledEndpoint();
    const { reply, backend } = await serve({
      endpoints: [stalled.endpoint],
      connections: { connectTimeout: 60_000 },
    });
    const late = reply();
    await expect.poll(() => backend.counts(), DEADLINE).toMatchObject({ open: 1 });
    stalled.release();
    expect(await late).toBe('late');
  });

  it('vanishes ends its connections with an error, and causes none for new clients', async () => {
    const dying = await mortal((socket) => void socket.write('hello'));
    const { port, reply } = await serve({
      endpoints: [dying.endpoint, await endpoint(greet('alive')), await endpoint(greet('alive'))],
    });
    const client = await clientOf(port, 'hello');
    const end = endOf(client);
    dying.vanish();
    expect(await end).toBe('ECONNRESET');
    expect(new Set(await repliesOf(reply, 12))).toEqual(new Set(['alive']));
  });
});

describe('a port that another process has open', () => {
  it('is a failure of its service port alone, and is served when the process has ended', async () => {
    const [taken, free] = [await freePort(), await freePort()];
    const script = `require('node:net').createServer().listen(${taken}, '127.0.0.1', () => console.log('open'))`;
    const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    held.push({ close: () => other.kill() });
    await once(other.stdout, 'data');
    const backend = createBackend();
    const endpoints = [await endpoint(greet('alive'))];
    const ports = [serviceAt(taken, { endpoints, index: 1 }), serviceAt(free, { endpoints, index: 2 })];
    const state = sampleStateOf('IPv4', ports);
    const first = await backend.sync(fullChange(state));
    expect(first).toMatchObject({
      outcome: 'partial',
      failures: [{ key: ports[0]?.key, error: { code: 'busy' } }],
    });
    expect(await readAll(dial({ port: free }))).toBe('alive');
    other.kill();
    await once(other, 'exit');
    expect(await backend.sync(fullChange(state))).toMatchObject({ outcome: 'ok', failures: [] });
    expect(await readAll(dial({ port: taken }))).toBe('alive');
  });
});
