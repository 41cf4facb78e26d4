/**
 * The kubelet's side of a port-forward over a WebSocket, as pkg/kubelet serves it behind the API server: subprotocol
 * v4.channel.k8s.io, channel 0 for data and 1 for errors, each begun with the port in two bytes.
 */
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

const PROTOCOL = 'v4.channel.k8s.io';
const DATA = 0;
const ERROR = 1;
const PATH = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/portforward$/;

/** Where a pod listens: the port of 127.0.0.1 that stands for its own. */
export type FindPort = (pod: string, port: number) => number | 'refused' | 'silent' | 'absent';

export interface PortForwardServer {
  serve(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Port-forwards that are open now, and the most that ever were at one time. */
  readonly open: number;
  readonly most: number;
}

export function createPortForwardServer(find: FindPort): PortForwardServer {
  const state = { open: 0, most: 0 };
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
  return {
    get open() {
      return state.open;
    },
    get most() {
      return state.most;
    },
    serve(request, socket, head) {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
      const [, namespace = '', name = ''] = PATH.exec(pathname) ?? [];
      const port = Number(searchParams.get('ports'));
      const pod = `${namespace}/${name}`;
      const target = find(pod, port);
      if (target === 'absent') {
        socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, socket, head, (channel) => {
        state.open += 1;
        state.most = Math.max(state.most, state.open);
        channel.on('close', () => (state.open -= 1));
        forward(channel, { pod, port, target });
      });
    },
  };
}

interface Forward {
  readonly pod: string;
  readonly port: number;
  readonly target: number | 'refused' | 'silent';
}

function forward(channel: WebSocket, { pod, port, target }: Forward): void {
  const send = (number: number, bytes: Uint8Array): void =>
    channel.send(Buffer.concat([Buffer.from([number]), bytes]), { binary: true });
  for (const number of [DATA, ERROR]) send(number, Buffer.from([port & 0xff, port >> 8]));
  channel.on('error', () => undefined);
  if (target === 'silent') return;
  const socket = target === 'refused' ? connect(1, '127.0.0.1') : connect(target, '127.0.0.1');
  relay(channel, socket, (bytes) => send(DATA, bytes));
  socket.on('error', ({ message }) => {
    const text = `error forwarding port ${port} to pod ${pod}, uid : ${message}`;
    send(ERROR, Buffer.from(text));
  });
}

function relay(channel: WebSocket, socket: Socket, send: (bytes: Uint8Array) => void): void {
  channel.on('message', (message: Buffer) => {
    if (message[0] === DATA) socket.write(message.subarray(1));
  });
  channel.on('close', () => socket.destroy());
  socket.on('data', send);
  socket.on('close', () => channel.close());
}
