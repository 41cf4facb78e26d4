/** All proxies in front of the same server, in the network namespace of the process: `measure.ts smoke|full`. Prints JSON. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, exit, stdout } from 'node:process';
import { connectionCapacity } from '@signalbox/backend-userspace';
import { usageOf } from '../memory/process-tree.ts';
import { runLoad, startAll, stopAll, type Target } from './targets.ts';
import { parseLoad, type Load } from './wrk.ts';

const LOADS = {
  connects: ['-c32', '-H', 'Connection: close', '/'],
  requests: ['-c32', '/'],
  'one by one': ['-c1', '/'],
  'one stream': ['-c1', '/file'],
  'many streams': ['-c16', '/file'],
} as const;

export type LoadName = keyof typeof LOADS;

export interface Sample extends Load {
  readonly target: string;
  readonly load: LoadName;
  /** CPU time of the proxy, in milliseconds. */
  readonly cpu: number;
}

export interface Idle {
  readonly target: string;
  readonly connections: number;
  /** Growth of the resident memory per connection, in kilobytes (10^3 bytes). */
  readonly kilobytes: number;
}

export interface Measured {
  readonly samples: readonly Sample[];
  readonly idle: readonly Idle[];
}

const FORMS = {
  smoke: { seconds: 1, rounds: 1, idle: 500, loads: ['connects', 'many streams'] },
  full: { seconds: 3, rounds: 3, idle: 10_000, loads: Object.keys(LOADS) },
} as const;

function loadOne({ name, host, port, process }: Target, load: LoadName, seconds: number): Sample {
  const pid = process.pid ?? 0;
  const path = LOADS[load].at(-1) ?? '/';
  const before = usageOf(pid).cpu;
  const options = ['-t1', `-d${seconds}s`, '--latency', ...LOADS[load].slice(0, -1)];
  const output = runLoad(['wrk', ...options, `http://${host}:${port}${path}`]);
  return { ...parseLoad(output), target: name, load, cpu: usageOf(pid).cpu - before };
}

const BATCH = 100;

async function idleConnections({ name, host, port, process }: Target, wanted: number): Promise<Idle> {
  const connections = Math.min(wanted, Math.floor(connectionCapacity().connections / BATCH) * BATCH);
  const before = usageOf(process.pid ?? 0).rss;
  const sockets: Socket[] = [];
  while (sockets.length < connections) {
    const batch = Array.from({ length: BATCH }, () => connect(port, host));
    await Promise.all(batch.map((socket) => once(socket, 'connect')));
    sockets.push(...batch);
  }
  // An answer on the last connection shows that the proxy has accepted it and is connected to the server.
  const last = sockets.at(-1) as Socket;
  last.write('GET / HTTP/1.1\r\nHost: bench\r\n\r\n');
  await once(last, 'data');
  const grown = usageOf(process.pid ?? 0).rss - before;
  for (const socket of sockets) socket.resetAndDestroy();
  return { target: name, connections, kilobytes: (grown * 1000) / connections };
}

async function measure(form: keyof typeof FORMS): Promise<Measured> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-bench-proxies-'));
  const targets = await startAll(folder);
  const { seconds, rounds, loads, idle } = FORMS[form];
  try {
    // Measured first: memory that is freed after a load would be subtracted from the growth.
    const held: Idle[] = [];
    for (const target of targets.slice(1)) held.push(await idleConnections(target, idle));
    // The smoke form does not measure the server without a proxy.
    const measured = form === 'full' ? targets : targets.slice(1);
    // The proxies are measured in turn, so that other load of the machine affects all of them.
    const turns = Array.from({ length: rounds }, () => loads as readonly LoadName[]).flat();
    const samples = turns.flatMap((load) => measured.map((target) => loadOne(target, load, seconds)));
    return { samples, idle: held };
  } finally {
    await stopAll(targets);
    rmSync(folder, { recursive: true });
  }
}

const measured = await measure(argv[2] === 'full' ? 'full' : 'smoke');
stdout.write(JSON.stringify(measured), () => exit());
