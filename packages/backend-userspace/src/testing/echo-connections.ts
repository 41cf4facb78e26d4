/** Many connections to one endpoint that sends back what it receives. Without test framework: benchmarks use it too. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Connections that are opened or used at the same time. */
export const BATCH = 100;

export async function startEcho(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => void socket.on('error', () => {}).pipe(socket));
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** Whether a byte comes back. */
export async function echo(socket: Socket): Promise<boolean> {
  const answer = once(socket, 'data');
  socket.write('x');
  return String((await answer)[0]) === 'x';
}

/** How many succeeded. */
export async function inBatches<T>(
  items: readonly T[],
  work: (item: T) => Promise<boolean>,
): Promise<number> {
  let succeeded = 0;
  for (let at = 0; at < items.length; at += BATCH) {
    const batch = await Promise.all(items.slice(at, at + BATCH).map((item) => work(item).catch(() => false)));
    succeeded += batch.filter(Boolean).length;
  }
  return succeeded;
}
