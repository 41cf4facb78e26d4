import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectAll } from './connect.ts';

const open: (Server | Socket)[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function tcpServer(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function udpSocket(answers: boolean): Promise<{ readonly socket: Socket; readonly port: number }> {
  const socket = createSocket('udp4');
  if (answers) socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
}

const request = { address: '127.0.0.1', tries: 2, timeout: 60_000 } as const;

describe('connections', () => {
  it('that are accepted are answered, each from a port of its own', async () => {
    const { server, port } = await tcpServer();
    open.push(server);
    const attempts = await connectAll({ ...request, protocol: 'TCP', port });
    expect(attempts.map(({ result, local }) => [result, local?.address])).toEqual([
      ['answered', '127.0.0.1'],
      ['answered', '127.0.0.1'],
    ]);
    expect(new Set(attempts.map(({ local }) => local?.port)).size).toBe(2);
  });

  it('to a port without a listener are rejected', async () => {
    const { server, port } = await tcpServer();
    server.close();
    await once(server, 'close');
    const [tcp] = await connectAll({ ...request, protocol: 'TCP', port });
    expect(tcp?.result).toBe('rejected');
    const { socket, port: udpPort } = await udpSocket(false);
    socket.close();
    await once(socket, 'close');
    const [udp] = await connectAll({ ...request, protocol: 'UDP', port: udpPort });
    expect(udp?.result).toBe('rejected');
  });

  it('by datagram are answered if anything comes back, and silent if nothing does in time', async () => {
    const [echo, mute] = [await udpSocket(true), await udpSocket(false)];
    open.push(echo.socket, mute.socket);
    const [answered] = await connectAll({ ...request, protocol: 'UDP', port: echo.port });
    expect(answered).toMatchObject({ result: 'answered', local: { address: '127.0.0.1' } });
    const [silent] = await connectAll({ ...request, protocol: 'UDP', port: mute.port, timeout: 50 });
    expect(silent).toMatchObject({ result: 'silent', local: { address: '127.0.0.1' } });
  });
});
