/** The test's own connection to the simulator's process: changes the host, and reads its objects. */
import { connect, type Socket } from 'node:net';
import type { HnsOptions, HnsSnapshot } from '@signalbox/hns-simulator';

export interface SimulatorControl {
  /** A method of `Hns` in the other process, by name. */
  run(method: string, ...args: readonly unknown[]): Promise<unknown>;
  /** A new, empty host. */
  reset(options: Omit<HnsOptions, 'fault' | 'lateFault'>): Promise<void>;
  snapshot(): Promise<HnsSnapshot>;
  openHandles(): Promise<number>;
  close(): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export async function connectControl(port: number): Promise<SimulatorControl> {
  const socket = await connected(port);
  const waiting: Waiting[] = [];
  readLines(socket, (line) => {
    const answer = JSON.parse(line) as { readonly value?: unknown; readonly error?: string };
    const next = waiting.shift();
    if (answer.error === undefined) next?.resolve(answer.value);
    else next?.reject(new Error(answer.error));
  });
  const run = (method: string, ...args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      socket.write(`${JSON.stringify({ do: method, args })}\n`);
    });
  return {
    run,
    reset: async (options) => void (await run('reset', options)),
    snapshot: async () => (await run('snapshot')) as HnsSnapshot,
    openHandles: async () => (await run('openHandles')) as number,
    close: () => void socket.end(),
  };
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

function readLines(socket: Socket, take: (line: string) => void): void {
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (data: string) => {
    const lines = (pending + data).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
