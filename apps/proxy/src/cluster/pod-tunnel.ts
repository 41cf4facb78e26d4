/** The port-forward of client-node, which takes three streams, as one stream. */
import type { IncomingMessage } from 'node:http';
import { Duplex, PassThrough, Writable } from 'node:stream';
import { PortForward, type KubeConfig } from '@kubernetes/client-node';
// Its index does not export it.
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import { WebSocket } from 'ws';
import type { ProxyPod } from './cluster-api.ts';

export interface Tunnel {
  readonly stream: Duplex;
  /** The API server has accepted the port-forward. Rejects with what the WebSocket reports. */
  readonly opened: Promise<unknown>;
  readonly close: () => void;
}

export function openTunnel(config: KubeConfig, pod: ProxyPod, port: number): Tunnel {
  const input = new PassThrough();
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => input.write(chunk, done),
  });
  // One that comes before a request or after its answer has no other listener.
  stream.on('error', () => undefined);
  const output = sink((chunk) => stream.push(chunk));
  // The kubelet could not connect to the port, or lost the connection.
  const errors = sink((chunk) => chunk.length > 0 && stream.destroy(new Error(chunk.toString('utf8'))));
  const sockets: WebSocket[] = [];
  const createSocket: WebSocketHandler['socketFactory'] = (uri, protocols, options) => {
    const socket = new WebSocket(uri, protocols, options);
    sockets.push(socket);
    socket.on('unexpected-response', (_, response) => void reportRefusal(socket, response));
    socket.on('close', () => {
      if (!stream.destroyed) stream.push(null);
    });
    return socket;
  };
  // By default, the handler ends the standard output of this process when the server closes a channel.
  const standard = { stdin: new PassThrough(), stdout: sink(() => true), stderr: sink(() => true) };
  const forward = new PortForward(config, true, new WebSocketHandler(config, createSocket, standard));
  const opened = forward.portForward(pod.namespace, pod.name, [port], output, errors, input);
  const close = (): void => {
    stream.destroy();
    for (const socket of sockets) socket.on('error', () => undefined).terminate();
  };
  return { stream, opened, close };
}

/** Bytes. An object of kind Status has some hundred. */
const MAX_STATUS = 8192;

/** As a failed request of client-node: with the code and the body of the answer. */
async function reportRefusal(socket: WebSocket, response: IncomingMessage): Promise<void> {
  let body = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > MAX_STATUS) break;
    }
  } catch {
    // What has arrived of it has to do.
  }
  const error = new Error(`Unexpected server response: ${response.statusCode ?? 0}`);
  socket.emit('error', Object.assign(error, { code: response.statusCode, body }));
}

function sink(take: (chunk: Buffer) => unknown): Writable {
  return new Writable({
    write: (chunk: Buffer, _, done) => {
      take(chunk);
      done();
    },
  });
}
