/** The simulator in a process of its own: frames over TCP on loopback, and a line protocol for the test itself. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createHns, type Hns } from './hns.ts';
import type { HnsOptions } from './state.ts';
import { encodeReply, parseRequest, splitFrames } from './wire.ts';

/** What a test does to the host from outside: one JSON object a line; the answer is one JSON line. */
export interface ControlRequest {
  /** `snapshot`, `openHandles`, `attach`, `stop`, …: a method of `Hns`; or `reset`. */
  readonly do: string;
  readonly args?: readonly unknown[];
}

export interface HnsServer {
  /** The port that the stand-in library connects to (`HNS_SIMULATOR_PORT`). */
  readonly port: number;
  readonly controlPort: number;
  close(): Promise<void>;
}

interface Held {
  hns: Hns;
}

function serveFrames(held: Held, socket: Socket): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    const { frames, rest } = splitFrames(Buffer.concat([pending, data]));
    pending = rest;
    for (const frame of frames) {
      const { name, args } = parseRequest(frame);
      socket.write(encodeReply(held.hns.call(name, args)));
    }
  });
}

function control(held: Held, line: string): unknown {
  const request = JSON.parse(line) as ControlRequest;
  if (request.do === 'reset') {
    held.hns = createHns(request.args?.[0] ?? {});
    return null;
  }
  const method = (held.hns as unknown as Record<string, unknown>)[request.do];
  if (typeof method !== 'function') throw new Error(`no such request: ${request.do}`);
  return (method as (...args: readonly unknown[]) => unknown)(...(request.args ?? []));
}

function serveControl(held: Held, socket: Socket): void {
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (data: string) => {
    const lines = (pending + data).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) socket.write(`${JSON.stringify(answer(held, line))}\n`);
  });
}

function answer(held: Held, line: string): { readonly value?: unknown; readonly error?: string } {
  try {
    return { value: control(held, line) ?? null };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function listen(serve: (socket: Socket) => void, sockets: Set<Socket>): Promise<Server> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy()); // the client went away
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

export async function startHnsServer(options: HnsOptions = {}): Promise<HnsServer> {
  const held: Held = { hns: createHns(options) };
  const sockets = new Set<Socket>();
  const frames = await listen((socket) => serveFrames(held, socket), sockets);
  const controls = await listen((socket) => serveControl(held, socket), sockets);
  const closed = (server: Server): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
  return {
    port: portOf(frames),
    controlPort: portOf(controls),
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed(frames), closed(controls)]);
    },
  };
}
