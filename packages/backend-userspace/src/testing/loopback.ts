/** Endpoints, frontends and clients on loopback addresses, for tests of the data path. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { sampleNode, servicePort } from '@signalbox/backend-kit/testing';
import type { Clock, ConnectionPolicy, DesiredEndpoint, Route } from '@signalbox/core';
import { expect } from 'vitest';
import { createSystemDriver } from '../driver/system-driver.ts';
import { systemClock } from '@signalbox/core/system-clock';
import type { UserspaceDriver } from '../driver/userspace-driver.ts';
import type { OnConnectionEnd } from '../objects/connection-record.ts';
import type { Listener } from '../objects/listener.ts';

const ANY: Route = { source: 'any', target: 'cluster', masquerade: true, rule: 'S35' };
export const held: { close: () => unknown }[] = [];

export async function closeAll(): Promise<void> {
  for (const each of held.splice(0).toReversed()) await each.close();
}

/** Promise.withResolvers, which Node.js has since version 22. */
export function deferred<T>() {
  let resolve: (value: T | Promise<T>) => void = () => {};
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** An endpoint on a loopback address; `onConnection` receives each connection. */
export async function endpoint(onConnection: (socket: Socket) => void, port = 0): Promise<DesiredEndpoint> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    held.push({ close: () => socket.destroy() });
    onConnection(socket);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  held.push({ close: () => server.close() });
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port, isLocal: true };
}

/** A loopback endpoint without a listening socket: it refuses connections. */
export async function unusedEndpoint(): Promise<DesiredEndpoint> {
  return { address: '127.0.0.1', port: await freePort(), isLocal: true };
}

interface ListenerShape {
  readonly endpoints: readonly DesiredEndpoint[];
  readonly affinitySeconds?: number;
  readonly routes?: readonly Route[];
  readonly connections?: ConnectionPolicy;
}

/** A listener at a port of 127.0.0.1, which is not opened. */
export function listenerAt(protocol: Listener['protocol'], port: number, shape: ListenerShape): Listener {
  const { endpoints, affinitySeconds, routes = [ANY], connections } = shape;
  const address = '127.0.0.1';
  const frontend = { kind: 'cluster-ip', address, port, policy: 'cluster', routes } as const;
  const name = { namespace: 'shop', name: 'web', port: 'http', protocol } as const;
  return {
    protocol,
    address,
    port,
    frontend,
    servicePort: {
      ...servicePort(name, [frontend], endpoints, affinitySeconds),
      ...(connections === undefined ? {} : { connections }),
    },
    node: sampleNode('IPv4'),
  };
}

export async function listenerOf(
  endpoints: readonly DesiredEndpoint[],
  more: Omit<ListenerShape, 'endpoints'> = {},
): Promise<Listener> {
  return listenerAt('TCP', await freePort(), { endpoints, ...more });
}

interface ServeOptions {
  readonly tcpIdleTimeout?: number;
  readonly drainTimeout?: number;
  readonly fileLimit?: number;
  readonly clock?: Clock;
  readonly onConnectionEnd?: OnConnectionEnd;
}

/** Not shuffled: the first connection goes to the first endpoint. */
const IN_ORDER = { ...systemClock, random: () => 0.999 };

export async function serve(listener: Listener, more: ServeOptions = {}): Promise<UserspaceDriver> {
  const options = { drainTimeout: 0, clock: IN_ORDER, ...more };
  const driver = createSystemDriver({ family: 'IPv4', serviceAddresses: 'none', ...options });
  held.push(driver);
  expect(await driver.apply([{ kind: 'listener-open', listener }])).toEqual([null]);
  return driver;
}

export function dial({ port }: Pick<Listener, 'port'>): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  held.push({ close: () => socket.destroy() });
  return socket;
}

export async function readAll(socket: Socket, encoding: BufferEncoding = 'utf8'): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString(encoding);
}

/** `ended`, or the code of the error. */
export async function endOf(socket: Socket): Promise<string> {
  return readAll(socket).then(
    () => 'ended',
    ({ code }: NodeJS.ErrnoException) => code ?? 'unknown',
  );
}

export const greet =
  (text: string) =>
  (socket: Socket): void =>
    void socket.end(text);
