/**
 * The endpoint of one Service among many is replaced, until a new connection reaches the new one: `change.ts SERVICES CHANGES`.
 * Prints JSON. Runs in the network namespace of the process.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { argv, stdout } from 'node:process';
import { sampleChange } from '@signalbox/backend-kit/testing';
import { fullChange, type DesiredEndpoint } from '@signalbox/core';
import { percentile } from '../statistics.ts';
import { createBackend, stateOf, webService } from './services.ts';

export interface ChangeTimes {
  readonly services: number;
  /** In milliseconds, like the two below. */
  readonly firstSync: number;
  readonly median: number;
  readonly p95: number;
}

async function endpoint(name: string): Promise<DesiredEndpoint> {
  const server = createServer((socket) => void socket.on('error', () => {}).end(name)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port, isLocal: true };
}

async function ask(): Promise<string> {
  const socket = connect(80, '127.96.0.1');
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return data.toString();
}

async function measure(services: number, changes: number): Promise<ChangeTimes> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const names = ['a', 'b'];
  const endpoints = await Promise.all(names.map(endpoint));
  const service = (at: number) => webService(1, [endpoints[at % 2] as DesiredEndpoint]);
  const others = Array.from({ length: services - 1 }, (_, at) => webService(at + 2, endpoints));
  const full = fullChange(stateOf([service(0), ...others]));
  const backend = createBackend();
  const startedAt = performance.now();
  const result = await backend.sync(full);
  if (result.outcome !== 'ok') throw new Error(JSON.stringify(result.failures.slice(0, 3)));
  const firstSync = performance.now() - startedAt;
  const empty = { ...full, kind: 'incremental', nodeChanged: false } as const;
  const times: number[] = [];
  for (let at = 1; at <= changes; at++) {
    const change = sampleChange(empty, service(at));
    const changedAt = performance.now();
    await backend.sync(change);
    const reached = await ask();
    times.push(performance.now() - changedAt);
    if (reached !== names[at % 2]) throw new Error(`reached ${reached}`);
  }
  return { services, firstSync, median: percentile(times, 0.5), p95: percentile(times, 0.95) };
}

stdout.write(JSON.stringify(await measure(Number(argv[2]), Number(argv[3]))), () => process.exit());
