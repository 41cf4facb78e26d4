/**
 * The time and cost until a client has all objects of a cluster, and the delay until it receives a change:
 * `npm run bench -- kubernetes [--smoke]`.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { argv, execPath } from 'node:process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';

import type { ClientResult } from './client.ts';

const SIZES = { smoke: { services: 200, changes: 20 }, full: { services: 10_000, changes: 1_000 } } as const;
const CLIENTS = ['streamed', 'listed', 'client-node'] as const;

interface Child {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: AsyncIterator<string>;
  readonly reader: Interface;
}

function start(file: string, args: readonly string[]): Child {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(execPath, ['--conditions=signalbox-source', path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const reader = createInterface({ input: child.stdout });
  return { process: child, lines: reader[Symbol.asyncIterator](), reader };
}

async function nextLine(child: Child, what: string): Promise<string> {
  const { value, done } = await child.lines.next();
  if (done === true) throw new Error(`the ${what} ended early`);
  return value;
}

interface Run {
  readonly services: number;
  readonly changes: number;
}

/** One change after another, each when a little time has passed: latency, not throughput. */
async function change(server: Child, { services, changes }: Run): Promise<void> {
  for (let i = 0; i < changes; i++) {
    server.process.stdin.write(`${(i * 7919) % services}\n`);
    await new Promise((resolve) => {
      setTimeout(resolve, 3);
    });
  }
}

async function measure(how: string, size: Run): Promise<ClientResult> {
  const server = start('./server.ts', [String(size.services)]);
  try {
    const url = await nextLine(server, 'server');
    const client = start('./client.ts', [how, url, String(size.services), String(size.changes)]);
    await nextLine(client, 'client');
    await change(server, size);
    return JSON.parse(await nextLine(client, 'client')) as ClientResult;
  } finally {
    server.process.stdin.end();
    server.process.kill();
  }
}

function report(how: string, services: number, result: ClientResult): string {
  const { syncMs, cpuMs, maxRssMb, worstGapMs, latencyMs } = result;
  return [
    `kubernetes: ${services} services and slices, ${how}:`,
    `synced ${syncMs.toFixed(0)} ms after the start of the process, ${cpuMs.toFixed(0)} ms of CPU,`,
    `max RSS ${maxRssMb.toFixed(0)} MB, longest stop of the event loop ${worstGapMs.toFixed(0)} ms,`,
    `change to callback ${latencyMs.median.toFixed(1)} ms (p99 ${latencyMs.p99.toFixed(1)} ms)`,
  ].join(' ');
}

export async function runKubernetesBenchmark(form: keyof typeof SIZES): Promise<void> {
  const size = SIZES[form];
  for (const how of CLIENTS) {
    const result = await measure(how, size);
    const expected = 2 * size.services;
    if (result.objects !== expected)
      throw new Error(`${how}: ${expected} objects expected, ${result.objects} received`);
    console.log(report(how, size.services, result));
  }
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  await runKubernetesBenchmark(argv.includes('--smoke') ? 'smoke' : 'full');
}
