/** Pods and clients of the loopback demo, in this process. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  addressOf,
  POD_PORT,
  SERVICE_ADDRESS,
  SERVICE_PORT,
  type LoopbackPod,
} from './loopback-manifests.ts';

export interface RunningPod {
  stop(): Promise<void>;
}

/** Answers a line with its name, and ends the connection when the client does. */
export async function startPod(pod: LoopbackPod): Promise<RunningPod> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write(pod.name));
    socket.on('end', () => socket.end());
  });
  server.listen(POD_PORT, addressOf(pod));
  await once(server, 'listening');
  return {
    async stop() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A connection to the Service, open. */
export function dialService(): Socket {
  return connect({ host: SERVICE_ADDRESS, port: SERVICE_PORT, allowHalfOpen: true });
}

/** The name of the pod that answered; `null`: the connection failed. */
export async function call(): Promise<string | null> {
  const socket = dialService();
  socket.end('who?');
  try {
    const answer = await text(socket);
    return answer === '' ? null : answer;
  } catch {
    return null;
  }
}

export interface Calls {
  /** Pod → connections that it answered. */
  readonly counts: ReadonlyMap<string, number>;
  readonly failed: number;
}

export async function callTimes(times: number): Promise<Calls> {
  const counts = new Map<string, number>();
  let failed = 0;
  for (let at = 0; at < times; at++) {
    const pod = await call();
    if (pod === null) failed++;
    else counts.set(pod, (counts.get(pod) ?? 0) + 1);
  }
  return { counts, failed };
}
