/** The server part of an agent: answers every connection or datagram with its own address and the source address. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Echo, ListenRequest, Socket } from './protocol.ts';

export interface Listeners {
  listen(request: ListenRequest): Promise<void>;
  closeAll(): void;
}

function echo(endpoint: Socket, address: string, port: number): string {
  const echo: Echo = { endpoint, peer: { address, port } };
  return JSON.stringify(echo);
}

function listenTCP(at: Socket): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy()); // the client closed the connection: no error of the agent
      socket.end(echo(at, socket.remoteAddress ?? '', socket.remotePort ?? 0));
    });
    server.on('error', reject);
    server.listen({ host: at.address, port: at.port, backlog: 512 }, () => resolve(() => server.close()));
  });
}

function listenUDP(at: Socket): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(at.address.includes(':') ? 'udp6' : 'udp4');
    // After bind: an answer that cannot be sent counts as one that does not arrive.
    socket.on('error', reject);
    socket.on('message', (_, peer) =>
      socket.send(echo(at, peer.address, peer.port), peer.port, peer.address),
    );
    socket.bind(at.port, at.address, () => resolve(() => socket.close()));
  });
}

export function createListeners(): Listeners {
  const open = new Map<string, () => void>();
  return {
    async listen({ protocol, at }) {
      const key = `${protocol} ${at.address} ${at.port}`;
      if (open.has(key)) return;
      if (protocol === 'SCTP') throw new Error('Node has no SCTP sockets');
      open.set(key, await (protocol === 'TCP' ? listenTCP(at) : listenUDP(at)));
    },
    closeAll() {
      for (const close of open.values()) close();
      open.clear();
    },
  };
}
