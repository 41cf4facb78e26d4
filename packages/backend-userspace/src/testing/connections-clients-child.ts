import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { serveRemote } from '@signalbox/netns/remote';
import type { RemoteClients } from './remote-connections.ts';

/** Connections that are opened or used at the same time. */
const BATCH = 100;

const server = createServer((socket) => void socket.on('error', () => {}).pipe(socket));
const sockets: Socket[] = [];

async function echo(socket: Socket): Promise<boolean> {
  const answer = once(socket, 'data');
  socket.write('x');
  return String((await answer)[0]) === 'x';
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<boolean>): Promise<number> {
  let succeeded = 0;
  for (let at = 0; at < items.length; at += BATCH) {
    const batch = await Promise.all(items.slice(at, at + BATCH).map((item) => work(item).catch(() => false)));
    succeeded += batch.filter(Boolean).length;
  }
  return succeeded;
}

const clients: RemoteClients = {
  async listen() {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  open: (port, connections) =>
    inBatches(Array.from({ length: connections }), async () => {
      const socket = connect({ host: '127.0.0.1', port }).on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      return echo(socket);
    }),
  use: () => inBatches(sockets, echo),
  closeAll() {
    for (const socket of sockets.splice(0)) socket.destroy();
    return Promise.resolve();
  },
};
serveRemote(clients, () => {
  void clients.closeAll();
  server.close();
});
