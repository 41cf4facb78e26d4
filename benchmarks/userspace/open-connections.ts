/**
 * Connections that are open at the same time through userspace mode, each of which carries data: `open-connections.ts COUNT`. Prints JSON.
 * Runs in the network namespace of the process; client and endpoint are in this process, the proxy is another one.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { argv, execArgv, execPath, exit, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { connectionCapacity } from '@signalbox/backend-userspace';
import {
  BATCH,
  echo,
  inBatches,
  startEcho,
} from '../../packages/backend-userspace/src/testing/echo-connections.ts';
import { usageOf, type Usage } from '../memory/process-tree.ts';

export interface OpenConnections {
  readonly connections: number;
  /** Of the first and the second wave: how many carried data once all were open. */
  readonly answered: readonly number[];
  /** Growth of the resident memory of the proxy since its start for each connection, in kilobytes (10^3 bytes). */
  readonly kilobytes: readonly number[];
  /** CPU time of the proxy for each connection of the first wave. */
  readonly microseconds: number;
}

/** Open files of a proxy without connections; it has fewer. */
const FEW_FILES = 100;
const PROXY = { host: '127.96.0.1', port: 80 };

async function startProxy(port: number): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'signalbox.mjs');
  const proxy = spawn(execPath, [...execArgv, script, String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (!(await answers())) {
    if (proxy.exitCode !== null) throw new Error(`the proxy ended with status ${proxy.exitCode}`);
    await wait(20);
  }
  return proxy;
}

async function answers(): Promise<boolean> {
  const socket = connect(PROXY);
  try {
    await once(socket, 'connect');
    return await echo(socket);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Opens all connections, uses each, and closes them; `used` is called while they are open. Returns how many carried data. */
async function wave(connections: number, used: () => void): Promise<number> {
  const sockets = Array.from({ length: connections }, (): { socket: Socket | null } => ({ socket: null }));
  await inBatches(sockets, async (each) => {
    each.socket = connect(PROXY).on('error', () => {});
    await once(each.socket, 'connect');
    return true;
  });
  const answered = await inBatches(sockets, ({ socket }) =>
    socket === null ? Promise.resolve(false) : echo(socket),
  );
  used();
  for (const { socket } of sockets) socket?.destroy();
  return answered;
}

async function measure(connections: number): Promise<OpenConnections> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const { port } = await startEcho();
  const proxy = await startProxy(port);
  const pid = proxy.pid ?? 0;
  const before = usageOf(pid);
  const seen: Usage[] = [];
  const answered: number[] = [];
  // Memory that the first wave leaves behind adds to that of the second one.
  for (let at = 0; at < 2; at++) {
    answered.push(await wave(connections, () => void seen.push(usageOf(pid))));
    while (readdirSync(`/proc/${pid}/fd`).length > FEW_FILES) await wait(100);
  }
  proxy.kill('SIGKILL');
  return {
    connections,
    answered,
    kilobytes: seen.map(({ rss }) => ((rss - before.rss) * 1000) / connections),
    microseconds: (((seen[0]?.cpu ?? 0) - before.cpu) * 1000) / connections,
  };
}

const requested = Number(argv[2]);
const possible = Math.floor(connectionCapacity().connections / BATCH) * BATCH;
const measured = await measure(Math.min(requested, possible));
stdout.write(JSON.stringify(measured), () => exit());
