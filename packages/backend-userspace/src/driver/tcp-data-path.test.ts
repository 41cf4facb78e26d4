/** TCP connections through the system driver, on loopback addresses. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Route } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import {
  closeAll,
  deferred,
  dial,
  endOf,
  endpoint,
  greet,
  held,
  listenerOf,
  readAll,
  serve,
  unusedEndpoint,
} from '../testing/loopback.ts';
import { createSystemDriver } from './system-driver.ts';

afterEach(closeAll);

describe('a TCP connection', () => {
  it('goes to the endpoints in turn', async () => {
    const listener = await listenerOf([await endpoint(greet('a')), await endpoint(greet('b'))]);
    const driver = await serve(listener);
    const seen: string[] = [];
    for (let at = 0; at < 4; at++) seen.push(await readAll(dial(listener)));
    expect(seen).toEqual(['a', 'b', 'a', 'b']);
    const counted = (await driver.connections()).get(listener.servicePort.key);
    expect(counted?.map(({ connections }) => connections)).toEqual([2, 2]);
  });

  it('is no longer counted once the socket of its service port is closed', async () => {
    const listener = await listenerOf([await endpoint(greet('a'))]);
    const driver = await serve(listener);
    expect(await readAll(dial(listener))).toBe('a');
    expect((await driver.connections()).size).toBe(1);
    await driver.apply([{ kind: 'listener-close', listener }]);
    expect((await driver.connections()).size).toBe(0);
  });

  it('keeps a client at its endpoint with session affinity', async () => {
    const endpoints = [await endpoint(greet('a')), await endpoint(greet('b'))];
    const listener = await listenerOf(endpoints, { affinitySeconds: 600 });
    await serve(listener);
    const seen = [
      await readAll(dial(listener)),
      await readAll(dial(listener)),
      await readAll(dial(listener)),
    ];
    expect(new Set(seen).size).toBe(1);
  });

  it('carries the answer after the client has ended its direction', async () => {
    const listener = await listenerOf([
      await endpoint((socket) => void readAll(socket).then((text) => socket.end(`got ${text}`))),
    ]);
    await serve(listener);
    const client = dial(listener);
    client.end('all of it');
    expect(await readAll(client)).toBe('got all of it');
  });

  it('carries data of the client after the endpoint has ended its direction', async () => {
    const received = deferred<string>();
    const listener = await listenerOf([
      await endpoint((socket) => {
        socket.end('bye');
        received.resolve(readAll(socket));
      }),
    ]);
    await serve(listener);
    const client = dial(listener);
    expect(await readAll(client)).toBe('bye');
    client.end('last words');
    expect(await received.promise).toBe('last words');
  });

  it('is reset when the endpoint resets it', async () => {
    const listener = await listenerOf([
      await endpoint((socket) => socket.once('data', () => socket.resetAndDestroy())),
    ]);
    await serve(listener);
    const client = dial(listener);
    client.write('hello');
    expect(await endOf(client)).toBe('ECONNRESET');
  });

  it('resets the endpoint when the client resets it', async () => {
    const ending = deferred<string>();
    const listener = await listenerOf([
      await endpoint((socket) => {
        socket.write('hello');
        ending.resolve(endOf(socket));
      }),
    ]);
    await serve(listener);
    const client = dial(listener);
    await once(client, 'data');
    client.resetAndDestroy();
    expect(await ending.promise).toBe('ECONNRESET');
  });

  it('carries more bytes than all buffers contain, in both directions', async () => {
    const size = 32 << 20;
    const listener = await listenerOf([await endpoint((socket) => void socket.pipe(socket))]);
    await serve(listener);
    const client = dial(listener);
    client.end(Buffer.alloc(size, 'x'));
    let received = 0;
    for await (const chunk of client) received += (chunk as Buffer).length;
    expect(received).toBe(size);
  });

  it('goes to the next endpoint when one refuses', async () => {
    const listener = await listenerOf([await unusedEndpoint(), await endpoint(greet('alive'))]);
    const driver = await serve(listener);
    const seen: string[] = [];
    for (let at = 0; at < 4; at++) seen.push(await readAll(dial(listener)));
    expect(seen).toEqual(['alive', 'alive', 'alive', 'alive']);
    expect((await driver.counts()).failedAttempts).toBe(2);
  });

  it('is reset when every endpoint refuses', async () => {
    const listener = await listenerOf([await unusedEndpoint()]);
    const driver = await serve(listener);
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await driver.counts()).toMatchObject({ failedAttempts: 4, unserved: 1, forwarded: 0 });
  });

  it('is reset when its route has no endpoint', async () => {
    const drop: Route = { source: 'any', target: 'drop', masquerade: false, rule: 'S22' };
    const listener = await listenerOf([await endpoint(greet('a'))], { routes: [drop] });
    const driver = await serve(listener);
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await driver.counts()).toMatchObject({ refused: 1, forwarded: 0 });
  });

  it('continues when its endpoint is removed from the Service, and when the frontend is removed', async () => {
    const listener = await listenerOf([await endpoint((socket) => void socket.pipe(socket))]);
    const driver = await serve(listener);
    const client = dial(listener);
    client.write('1');
    await once(client, 'data');
    const without = { ...listener, servicePort: { ...listener.servicePort, clusterEndpoints: [] } };
    await driver.apply([{ kind: 'listener-update', listener: without }]);
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    await driver.apply([{ kind: 'listener-close', listener }]);
    expect(await endOf(dial(listener))).toBe('ECONNREFUSED');
    client.end('2');
    expect(await readAll(client)).toBe('2');
  });

  it('is reset after the idle timeout', async () => {
    const listener = await listenerOf([await endpoint((socket) => void socket.write('hello'))]);
    await serve(listener, { tcpIdleTimeout: 1 });
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
  });
});

describe('closing the driver', () => {
  it('waits for connections that end in time', async () => {
    const listener = await listenerOf([await endpoint((socket) => void socket.pipe(socket))]);
    const driver = await serve(listener, { drainTimeout: 60_000 });
    const client = dial(listener);
    client.write('1');
    await once(client, 'data');
    const closed = driver.close();
    expect(await endOf(dial(listener))).toBe('ECONNREFUSED');
    client.end('2');
    expect(await readAll(client)).toBe('2');
    await closed;
    expect((await driver.counts()).open).toBe(0);
  });

  it('resets connections that do not end in time', async () => {
    const listener = await listenerOf([await endpoint((socket) => void socket.write('hello'))]);
    const driver = await serve(listener, { drainTimeout: 1 });
    const client = dial(listener);
    await once(client, 'data');
    const ending = endOf(client);
    await driver.close();
    expect(await ending).toBe('ECONNRESET');
  });
});

describe('a port that another process has open', () => {
  it('fails only that socket, and is opened when it is free', async () => {
    const listener = await listenerOf([await endpoint(greet('a'))]);
    const other = createServer().listen(listener.port, '127.0.0.1');
    await once(other, 'listening');
    const driver = createSystemDriver({ family: 'IPv4', serviceAddresses: 'none', drainTimeout: 0 });
    held.push(driver);
    const next = await listenerOf([await endpoint(greet('b'))]);
    const operations = [listener, next].map((each) => ({ kind: 'listener-open', listener: each }) as const);
    const [first, second] = await driver.apply(operations);
    expect(first).toMatchObject({ code: 'busy', operation: 'listen' });
    expect(second).toBeNull();
    other.close();
    await once(other, 'close');
    expect(await driver.apply(operations)).toEqual([null, null]);
    expect(await readAll(dial(listener))).toBe('a');
  });
});
