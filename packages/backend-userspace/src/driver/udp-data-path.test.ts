/** UDP sessions through the system driver, on loopback addresses. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { DesiredEndpoint, Route } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../objects/listener.ts';
import { closeAll, held, listenerAt } from '../testing/loopback.ts';
import { createSystemDriver } from './system-driver.ts';

afterEach(closeAll);

async function bound(): Promise<Socket & { readonly at: number }> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  held.push(socket);
  return Object.assign(socket, { at: socket.address().port });
}

/** Answers each datagram with its name and the port that it saw. */
async function endpoint(name: string): Promise<DesiredEndpoint> {
  const socket = await bound();
  socket.on('message', (data, peer) => socket.send(`${name} ${data} ${peer.port}`, peer.port, peer.address));
  return { address: '127.0.0.1', port: socket.at, isLocal: true };
}

async function listenerOf(
  endpoints: readonly DesiredEndpoint[],
  routes?: readonly Route[],
): Promise<Listener> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return listenerAt('UDP', port, { endpoints, ...(routes && { routes }) });
}

async function serve(listener: Listener, more: { readonly fileLimit?: number } = {}) {
  const clock = createManualClock();
  const options = { serviceAddresses: 'none', udpTimeout: 1000, clock, ...more } as const;
  const driver = createSystemDriver({ family: 'IPv4', ...options });
  expect(await driver.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
  held.push(driver);
  return { driver, clock };
}

async function ask(client: Socket, { port }: Listener, text: string): Promise<string> {
  client.send(text, port, '127.0.0.1');
  const [reply] = (await once(client, 'message')) as [Buffer];
  return reply.toString();
}

/** Sends a datagram every millisecond until the test ends: a session may end before its datagram is answered. */
function keepSending(client: Socket, { port }: Listener): void {
  const sending = setInterval(() => client.send('x', port, '127.0.0.1'), 1);
  held.push({ close: () => clearInterval(sending) });
}

async function firstReply(client: Socket, listener: Listener): Promise<string> {
  const replied = once(client, 'message');
  keepSending(client, listener);
  const [reply] = (await replied) as [Buffer];
  return reply.toString();
}

describe('a UDP session', () => {
  it('keeps the endpoint and the source port of a client, and ends after the timeout', async () => {
    const listener = await listenerOf([await endpoint('a'), await endpoint('b')]);
    const { driver, clock } = await serve(listener);
    const client = await bound();
    const first = await ask(client, listener, 'x');
    expect(await ask(client, listener, 'x')).toBe(first);
    clock.advance(999);
    expect(await ask(client, listener, 'x')).toBe(first);
    clock.advance(999);
    expect((await driver.counts()).open).toBe(1);
    clock.advance(1001);
    expect((await driver.counts()).open).toBe(0);
    expect((await ask(client, listener, 'x'))[0]).not.toBe(first[0]);
  });

  it('ends after the timeout although the time of day was set back', async () => {
    const listener = await listenerOf([await endpoint('a')]);
    const { driver, clock } = await serve(listener);
    await ask(await bound(), listener, 'x');
    clock.setBack(3_600_000);
    clock.advance(1001);
    expect((await driver.counts()).open).toBe(0);
  });

  it('is opened for each client, to the endpoints in turn', async () => {
    const listener = await listenerOf([await endpoint('a'), await endpoint('b')]);
    await serve(listener);
    const seen = [await ask(await bound(), listener, 'x'), await ask(await bound(), listener, 'x')];
    expect(new Set(seen.map((reply) => reply[0]))).toEqual(new Set(['a', 'b']));
  });

  it('ends when its endpoint no longer serves, and not before', async () => {
    const [one, other] = [await endpoint('a'), await endpoint('b')];
    const listener = await listenerOf([one]);
    const { driver } = await serve(listener);
    const client = await bound();
    expect((await ask(client, listener, 'x'))[0]).toBe('a');
    const both = { ...listener.servicePort, clusterEndpoints: [other], servingEndpoints: [one, other] };
    await driver.apply([{ kind: 'listener-update', listener: { ...listener, servicePort: both } }]);
    expect((await ask(client, listener, 'x'))[0]).toBe('a');
    const gone = { ...both, servingEndpoints: [other] };
    await driver.apply([{ kind: 'listener-update', listener: { ...listener, servicePort: gone } }]);
    expect((await ask(client, listener, 'x'))[0]).toBe('b');
  });

  it('ends when the endpoint refuses a datagram, and the next one goes to another', async () => {
    const closed = await bound();
    const dead = { address: '127.0.0.1', port: closed.at, isLocal: true };
    held.splice(held.indexOf(closed), 1);
    closed.close();
    const listener = await listenerOf([dead, await endpoint('alive')]);
    const { driver } = await serve(listener);
    const client = await bound();
    // The order of the endpoints is random: a reply arrives at the latest after the closed one refused a datagram.
    expect(await firstReply(client, listener)).toMatch(/^alive/);
    expect((await driver.counts()).open).toBe(1);
  });

  it('is not opened if no route serves the client', async () => {
    const drop: Route = { source: 'any', target: 'drop', masquerade: false, rule: 'S22' };
    const listener = await listenerOf([await endpoint('a')], [drop]);
    const { driver } = await serve(listener);
    const client = await bound();
    keepSending(client, listener);
    const refused = async (): Promise<number> => (await driver.counts()).refused;
    await expect.poll(refused, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(await driver.counts()).toMatchObject({ open: 0, forwarded: 0 });
  });

  it('ends when there is no route to its endpoint, and the next datagram goes to another', async () => {
    // The kernel refuses to connect to a broadcast address.
    const unreachable = { address: '255.255.255.255', port: 9, isLocal: true };
    const listener = await listenerOf([unreachable, await endpoint('alive')]);
    const { driver } = await serve(listener);
    const client = await bound();
    expect(await firstReply(client, listener)).toMatch(/^alive/);
    expect((await driver.counts()).open).toBe(1);
  });

  it('is closed for a new session of the same frontend at the limit of open files', async () => {
    const listener = await listenerOf([await endpoint('a')]);
    const { driver } = await serve(listener, { fileLimit: 2 });
    await ask(await bound(), listener, 'x');
    expect(await ask(await bound(), listener, 'x')).toMatch(/^a x/);
    expect(await driver.counts()).toMatchObject({ open: 1, forwarded: 2, overflow: 0 });
  });
});

describe('a UDP port that another process has open', () => {
  it('leaves no file open after repeated attempts', async () => {
    const other = await bound();
    const listener = { ...(await listenerOf([await endpoint('a')])), port: other.at };
    const driver = createSystemDriver({ family: 'IPv4', serviceAddresses: 'none' });
    held.push(driver);
    const open = { kind: 'listener-open', listener } as const;
    const openFiles = (): number => readdirSync('/proc/self/fd').length;
    const before = openFiles();
    for (let at = 0; at < 50; at++) expect(await driver.apply([open])).toMatchObject([{ code: 'busy' }]);
    expect(openFiles()).toBeLessThan(before + 25);
  });
});
