/**
 * How soon the built program asks the API server for something, and what it holds when nothing happens and after the
 * first sync of many services:
 * `npm run bench -- proxy [--smoke]`. Needs root and `unshare`: it runs in
 * a network namespace of its own. Builds the program first. Misses of the budget fail the full run only:
 * the small one shares its machine with other tests.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv, env, execArgv, execPath, exit, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serviceJSON, sliceJSON } from '../core/cluster.ts';
import type { WireObject } from '@signalbox/kubernetes';
import { createTestApiServer, type TestApiServer } from '@signalbox/kubernetes/testing';
import { median } from '../statistics.ts';

const APP = fileURLToPath(new URL('../../apps/proxy', import.meta.url));
const BUNDLE = join(APP, 'dist/main.js');
const BUDGET = { firstRequestMs: 300, idleMiB: 80, loadedMB: 190 } as const;
const smoke = argv.includes('--smoke');
const RUNS = smoke ? 3 : 15;
const IDLE_MS = smoke ? 2000 : 60_000;
/** Of ten endpoints each. */
const SERVICES = smoke ? 100 : 5000;

interface Result {
  readonly firstRequestMs: number;
  readonly readyMs: number;
  /** Resident memory at the end. */
  readonly idleMiB: number;
  /** The most it ever was. */
  readonly peakMiB: number;
}

async function measure(server: TestApiServer, idleMs: number): Promise<Result> {
  const asked = server.requests.next(() => true);
  const flags = [`--master=${server.url}`, '--hostname-override=node-a', '--conntrack-max-per-core=0'];
  const startedAt = performance.now();
  const child = spawn(execPath, [BUNDLE, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await asked;
  const firstRequestMs = performance.now() - startedAt;
  while (!(await isReady())) await wait(5);
  const readyMs = performance.now() - startedAt;
  await wait(idleMs);
  const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8');
  child.kill('SIGTERM');
  await ended;
  const size = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { firstRequestMs, readyMs, idleMiB: size('VmRSS'), peakMiB: size('VmHWM') };
}

function named(apiVersion: string, kind: string, json: string): WireObject {
  return { apiVersion, kind, ...(JSON.parse(json) as object) } as WireObject;
}

async function isReady(): Promise<boolean> {
  try {
    return (await fetch('http://127.0.0.1:10256/readyz')).ok;
  } catch {
    return false;
  }
}

async function main(): Promise<number> {
  const server = await createTestApiServer();
  server.put({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-a' },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }] },
  } as WireObject);
  // Empty cluster, one node: what is measured is the program, not its work.
  const results: Result[] = [];
  for (let run = 0; run < RUNS; run++) results.push(await measure(server, run === 0 ? IDLE_MS : 0));
  for (let index = 0; index < SERVICES; index++) {
    server.put(named('v1', 'Service', serviceJSON(index)));
    server.put(named('discovery.k8s.io/v1', 'EndpointSlice', sliceJSON(index, 10)));
  }
  const loaded = await measure(server, smoke ? 0 : 5000);
  await server.stop();
  const firstRequestMs = median(results.map((result) => result.firstRequestMs));
  const readyMs = median(results.map((result) => result.readyMs));
  const idleMiB = results[0]?.idleMiB ?? 0;
  stdout.write(
    `first API request  ${firstRequestMs.toFixed(0)} ms   (budget ${BUDGET.firstRequestMs} ms, median of ${RUNS})\n`,
  );
  stdout.write(`first rules seen   ${readyMs.toFixed(0)} ms   (/readyz)\n`);
  stdout.write(
    `idle               ${idleMiB.toFixed(0)} MiB   (budget ${BUDGET.idleMiB} MiB, after ${IDLE_MS / 1000} s)\n`,
  );
  const loadedMB = (loaded.idleMiB * 1024 * 1024) / 1e6;
  const peakMB = (loaded.peakMiB * 1024 * 1024) / 1e6;
  stdout.write(
    `with ${SERVICES} services  ${loadedMB.toFixed(0)} MB, at most ${peakMB.toFixed(0)} MB   (budget of 5000 ${BUDGET.loadedMB} MB); first sync after ${loaded.readyMs.toFixed(0)} ms\n`,
  );
  const met =
    firstRequestMs < BUDGET.firstRequestMs && idleMiB <= BUDGET.idleMiB && loadedMB <= BUDGET.loadedMB;
  return met || smoke ? 0 : 1;
}

/** The same again, where no rule of this machine can be touched. */
function inNamespace(): number {
  const probe = spawnSync('unshare', ['-n', 'true'], { encoding: 'utf8' });
  if (probe.status !== 0) {
    stdout.write(`proxy: SKIPPED, no network namespaces here: ${probe.error?.message ?? probe.stderr}\n`);
    return 0;
  }
  const words = [execPath, ...execArgv, ...argv.slice(1)].map((word) => `'${word}'`).join(' ');
  const command = ['-n', 'sh', '-c', `ip link set lo up && exec ${words}`];
  const { status } = spawnSync('unshare', command, {
    stdio: 'inherit',
    env: { ...env, SIGNALBOX_BENCH: 'inside' },
  });
  return status ?? 1;
}

function build(): void {
  const tsup = fileURLToPath(new URL('../../node_modules/tsup/dist/cli-default.js', import.meta.url));
  const { status } = spawnSync(execPath, [tsup], { cwd: APP, stdio: 'inherit' });
  if (status !== 0) throw new Error('the build failed');
}

function buildAndMeasure(): number {
  build();
  return inNamespace();
}

exit(env['SIGNALBOX_BENCH'] === 'inside' ? await main() : buildAndMeasure());
