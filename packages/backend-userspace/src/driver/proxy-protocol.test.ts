/** The header of the PROXY protocol on connections to endpoints, with sockets on loopback addresses. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { PROXY_PROTOCOLS, type DesiredEndpoint, type ProxyProtocol } from '@signalbox/core';
import {
  closeAll,
  deferred,
  dial,
  endpoint,
  listenerOf,
  readAll,
  serve,
  unusedEndpoint,
} from '../testing/loopback.ts';

afterEach(closeAll);

interface Received {
  readonly source: string;
  readonly destination: string;
  readonly rest: string;
}

/** Reads the header as a server does: sections 2.1 and 2.2 of the specification. */
const DECODERS: Readonly<Record<ProxyProtocol, (bytes: Buffer) => Received>> = {
  v1: (bytes) => {
    const end = bytes.indexOf('\r\n');
    const [start, family, from, to, fromPort, toPort] = bytes.subarray(0, end).toString().split(' ');
    expect([start, family]).toEqual(['PROXY', 'TCP4']);
    return {
      source: `${from}:${fromPort}`,
      destination: `${to}:${toPort}`,
      rest: bytes.subarray(end + 2).toString(),
    };
  },
  v2: (bytes) => {
    expect(bytes.subarray(0, 12)).toEqual(Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'));
    // Version 2, PROXY; AF_INET, STREAM.
    expect([bytes[12], bytes[13]]).toEqual([0x21, 0x11]);
    const length = bytes.readUInt16BE(14);
    const address = (at: number): string => [...bytes.subarray(at, at + 4)].join('.');
    return {
      source: `${address(16)}:${bytes.readUInt16BE(24)}`,
      destination: `${address(20)}:${bytes.readUInt16BE(26)}`,
      rest: bytes.subarray(16 + length).toString(),
    };
  },
};

/** An endpoint that passes on what it received on its first connection. */
async function receiving() {
  const received = deferred<Buffer>();
  const at = await endpoint((socket: Socket) => {
    received.resolve(readAll(socket, 'latin1').then((text) => Buffer.from(text, 'latin1')));
    socket.end('bye');
  });
  return { at, received: received.promise };
}

async function proxied(endpoints: readonly DesiredEndpoint[], proxyProtocol: ProxyProtocol) {
  const listener = await listenerOf(endpoints);
  return { ...listener, servicePort: { ...listener.servicePort, proxyProtocol } };
}

describe.each(PROXY_PROTOCOLS)('a connection with PROXY protocol %s', (proxyProtocol) => {
  it('begins with a header that names the client, also at a later attempt', async () => {
    const { at, received } = await receiving();
    const listener = await proxied([await unusedEndpoint(), at], proxyProtocol);
    await serve(listener);
    const client = dial(listener);
    await once(client, 'connect');
    const source = `127.0.0.1:${client.localPort}`;
    client.end('GET /');
    expect(await readAll(client)).toBe('bye');
    const destination = `127.0.0.1:${listener.port}`;
    expect(DECODERS[proxyProtocol](await received)).toEqual({ source, destination, rest: 'GET /' });
  });

  it('has its header before the client has sent a byte', async () => {
    const first = deferred<Buffer>();
    const at = await endpoint((socket) => socket.once('data', (data: Buffer) => first.resolve(data)));
    const listener = await proxied([at], proxyProtocol);
    await serve(listener);
    const client = dial(listener);
    await once(client, 'connect');
    const source = `127.0.0.1:${client.localPort}`;
    expect(DECODERS[proxyProtocol](await first.promise)).toMatchObject({ source, rest: '' });
  });
});

it('a connection without the annotation has no header', async () => {
  const { at, received } = await receiving();
  const listener = await listenerOf([at]);
  await serve(listener);
  const client = dial(listener);
  client.end('GET /');
  await readAll(client);
  expect((await received).toString()).toBe('GET /');
});
