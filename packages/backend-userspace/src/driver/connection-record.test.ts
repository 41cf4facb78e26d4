/** The record of each connection, with sockets on loopback addresses. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Route } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ConnectionRecord } from '../objects/connection-record.ts';
import {
  closeAll,
  dial,
  endOf,
  endpoint,
  greet,
  held,
  listenerAt,
  listenerOf,
  readAll,
  serve,
  unusedEndpoint,
} from '../testing/loopback.ts';
import { createSystemDriver } from './system-driver.ts';

afterEach(closeAll);

function recorder() {
  const records: ConnectionRecord[] = [];
  const onConnectionEnd = (record: ConnectionRecord): void => void records.push(record);
  const next = async (): Promise<ConnectionRecord> => {
    await vi.waitFor(() => expect(records).toHaveLength(1), { timeout: 60_000, interval: 5 });
    return records[0] as ConnectionRecord;
  };
  return { onConnectionEnd, next };
}

describe('the record of a TCP connection', () => {
  it('names client, frontend, endpoint and every attempt, and counts the bytes of both directions', async () => {
    const dead = await unusedEndpoint();
    const alive = await endpoint((socket) => void readAll(socket).then((text) => socket.end(`got ${text}`)));
    const listener = await listenerOf([dead, alive]);
    const { onConnectionEnd, next } = recorder();
    await serve(listener, { onConnectionEnd });
    const client = dial(listener);
    await once(client, 'connect');
    const { localPort } = client;
    client.end('hello');
    expect(await readAll(client)).toBe('got hello');
    const [one, other] = [dead, alive].map(({ address, port }) => ({ address, port }));
    const record = await next();
    expect(record).toMatchObject({
      servicePort: { namespace: 'shop', name: 'web' },
      client: { address: '127.0.0.1', port: localPort },
      frontend: { address: '127.0.0.1', port: listener.port },
      endpoint: other,
      attempts: [
        { endpoint: one, outcome: 'ECONNREFUSED' },
        { endpoint: other, outcome: 'connected' },
      ],
      bytesIn: 5,
      bytesOut: 9,
      cause: 'closed',
    });
    expect(record.endedAt).toBeGreaterThanOrEqual(record.startedAt);
  });

  it('has the cause client-reset if the client resets the connection', async () => {
    const listener = await listenerOf([await endpoint((socket) => void socket.write('hello'))]);
    const { onConnectionEnd, next } = recorder();
    await serve(listener, { onConnectionEnd });
    const client = dial(listener);
    await once(client, 'data');
    client.resetAndDestroy();
    expect(await next()).toMatchObject({ cause: 'client-reset', bytesOut: 5 });
  });

  it('has the cause endpoint-reset if the endpoint resets the connection', async () => {
    const reset = await endpoint((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const listener = await listenerOf([reset]);
    const { onConnectionEnd, next } = recorder();
    await serve(listener, { onConnectionEnd });
    const client = dial(listener);
    client.write('hello');
    expect(await endOf(client)).toBe('ECONNRESET');
    expect(await next()).toMatchObject({ cause: 'endpoint-reset', bytesIn: 5, bytesOut: 0 });
  });

  it('has the cause idle-timeout after the idle timeout', async () => {
    const listener = await listenerOf([await endpoint(() => {})]);
    const { onConnectionEnd, next } = recorder();
    await serve(listener, { onConnectionEnd, tcpIdleTimeout: 20 });
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await next()).toMatchObject({ cause: 'idle-timeout', attempts: [{ outcome: 'connected' }] });
  });

  it('has the cause drain-timeout if it was open when the drain timeout expired', async () => {
    const listener = await listenerOf([await endpoint((socket) => void socket.write('hello'))]);
    const { onConnectionEnd, next } = recorder();
    const driver = await serve(listener, { onConnectionEnd });
    const client = dial(listener);
    await once(client, 'data');
    const end = endOf(client);
    await driver.close();
    expect(await end).toBe('ECONNRESET');
    expect(await next()).toMatchObject({ cause: 'drain-timeout', bytesOut: 5 });
  });

  it('has no endpoint if no attempt succeeds', async () => {
    const listener = await listenerOf([await unusedEndpoint()]);
    const { onConnectionEnd, next } = recorder();
    await serve(listener, { onConnectionEnd });
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    const { endpoint: reached, attempts, cause } = await next();
    expect({ reached, cause }).toEqual({ reached: null, cause: 'no-endpoint-answered' });
    expect(attempts.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 4 }, () => 'ECONNREFUSED'));
  });

  it('has the cause not-allowed if no route matches its source', async () => {
    const routes: readonly Route[] = [{ source: 'any', target: 'drop', masquerade: false, rule: 'S31' }];
    const listener = await listenerOf([await endpoint(greet('a'))], { routes });
    const { onConnectionEnd, next } = recorder();
    await serve(listener, { onConnectionEnd });
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await next()).toMatchObject({ cause: 'not-allowed', attempts: [], endpoint: null });
  });

  it('has the cause open-files at the limit of open files', async () => {
    const listener = await listenerOf([await endpoint(greet('a'))]);
    const { onConnectionEnd, next } = recorder();
    await serve(listener, { onConnectionEnd, fileLimit: 2 });
    expect(await endOf(dial(listener))).toBe('ECONNRESET');
    expect(await next()).toMatchObject({ cause: 'open-files', attempts: [] });
  });
});

describe('the record of a UDP session', () => {
  it('counts the datagrams of both directions until the timeout', async () => {
    const [server, client] = [createSocket('udp4'), createSocket('udp4')];
    held.push(server, client);
    server.on('message', (data, { port }) => server.send(`got ${data}`, port, '127.0.0.1'));
    server.bind(0, '127.0.0.1');
    client.bind(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(client, 'listening')]);
    const at = { address: '127.0.0.1', port: server.address().port };
    const free = createSocket('udp4').bind(0, '127.0.0.1');
    await once(free, 'listening');
    const listener = listenerAt('UDP', free.address().port, { endpoints: [{ ...at, isLocal: true }] });
    free.close();
    const clock = createManualClock();
    const { onConnectionEnd, next } = recorder();
    const options = { serviceAddresses: 'none', udpTimeout: 1000, clock, onConnectionEnd } as const;
    const driver = createSystemDriver({ family: 'IPv4', ...options });
    held.push(driver);
    expect(await driver.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
    client.send('hello', listener.port, '127.0.0.1');
    await once(client, 'message');
    clock.advance(1000);
    const record = await next();
    expect(record).toMatchObject({
      servicePort: { protocol: 'UDP', name: 'web' },
      client: { address: '127.0.0.1', port: client.address().port },
      endpoint: at,
      attempts: [{ endpoint: at, outcome: 'connected' }],
      bytesIn: 5,
      bytesOut: 9,
      cause: 'idle-timeout',
    });
    expect(record.endedAt - record.startedAt).toBe(1000);
  });
});
