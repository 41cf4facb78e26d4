/** A TCP load balancer in front of one server, which can stop forwarding while its connections stay up. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** Connections that clients have open. */
  readonly connections: number;
  /** From now on connections are accepted and kept, and no byte passes in either direction. */
  readonly silence: () => void;
  /** New connections are forwarded again; those accepted while it was stopped stay silent. */
  readonly forward: () => void;
  readonly stop: () => Promise<void>;
}

export async function createRelay(target: number): Promise<Relay> {
  const clients = new Set<Socket>();
  const upstreams = new Set<Socket>();
  let silent = false;
  const server = createServer((client) => {
    keep(client, clients);
    if (silent) return void client.resume();
    const upstream = connect(target, '127.0.0.1');
    keep(upstream, upstreams);
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return clients.size;
    },
    silence() {
      silent = true;
      for (const client of clients) client.unpipe().resume();
      for (const upstream of upstreams) upstream.unpipe().resume();
    },
    forward() {
      silent = false;
    },
    async stop() {
      server.close();
      for (const socket of [...clients, ...upstreams]) socket.destroy();
      await once(server, 'close');
    },
  };
}

function keep(socket: Socket, all: Set<Socket>): void {
  all.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => all.delete(socket));
}
