import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import { serveRemote } from '@signalbox/netns/remote';
import { echo, inBatches, startEcho } from './echo-connections.ts';
import type { RemoteClients } from './remote-connections.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];

const clients: RemoteClients = {
  async listen() {
    const { server, port } = await startEcho();
    servers.push(server);
    return port;
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
  for (const server of servers) server.close();
});
