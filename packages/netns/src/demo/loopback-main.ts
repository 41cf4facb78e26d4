/**
 * `npm start -- --mode=userspace`: the real proxy in userspace mode, on loopback addresses only. Needs neither privileges nor
 * namespaces, and the main file of a build (`--bundle`).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { shareBar } from '@signalbox/core';
import { call, callTimes, dialService, startPod, type Calls, type RunningPod } from './loopback-calls.ts';
import { MAP, SERVICE_ADDRESS, SERVICE_PORT, writePods, type LoopbackPod } from './loopback-manifests.ts';
import { endOfLog, hasEnded } from './proxy-process.ts';
import { heading, milliseconds, print, printFailure } from './screen.ts';

const { values } = parseArgs({ options: { bundle: { type: 'string' } } });
const { bundle = '' } = values;
if (bundle === '') throw new Error('--bundle: required');

const TRIES = 60;
const DEADLINE_MS = 60_000;
const pod = (number: number): LoopbackPod => ({ name: `web-${number}`, host: 10 + number });
const BEFORE = [pod(1), pod(2), pod(3)];
const AFTER = [pod(1), pod(3), pod(4)];

interface Demo {
  readonly folder: string;
  readonly proxy: ChildProcess;
  readonly logFile: string;
  readonly pods: Map<string, RunningPod>;
}

async function start(home: string): Promise<Demo> {
  const folder = path.join(home, 'manifests');
  mkdirSync(folder);
  writePods(folder, BEFORE);
  const pods = new Map<string, RunningPod>();
  for (const each of [...BEFORE, pod(4)]) pods.set(each.name, await startPod(each));
  const logFile = path.join(home, 'signalbox.log');
  const log = openSync(logFile, 'a');
  const flags = [
    '--proxy-mode=userspace',
    `--manifests=${folder}`,
    `--userspace-map=${MAP}`,
    '--hostname-override=node-a',
    '--healthz-bind-address=none',
    '--metrics-bind-address=none',
  ];
  const proxy = spawn(process.execPath, [bundle, ...flags], { stdio: ['ignore', log, log] });
  // A signal ends this process without the `finally` of `play`.
  process.once('exit', () => proxy.kill('SIGKILL'));
  return { folder, proxy, logFile, pods };
}

async function until(demo: Demo, condition: () => Promise<boolean>, what: string): Promise<number> {
  const began = performance.now();
  while (!(await condition())) {
    if (!hasEnded(demo.proxy) && performance.now() - began < DEADLINE_MS) {
      await wait(5);
      continue;
    }
    throw new Error(
      `${what}: not within ${DEADLINE_MS / 1000} s; the end of the log:\n${endOfLog(demo.logFile)}`,
    );
  }
  return performance.now() - began;
}

/** Throws unless exactly these pods answered, and no connection failed. */
function show({ counts, failed }: Calls, pods: readonly LoopbackPod[]): void {
  for (const [name, count] of counts) print(`  ${name}  ${shareBar(count / TRIES).padEnd(10)} ${count}`);
  print(`  ${failed} failed`);
  const names = new Set(pods.map(({ name }) => name));
  const isRight = counts.size === names.size && [...counts.keys()].every((name) => names.has(name));
  if (failed > 0 || !isRight) throw new Error('the Service is not served as its manifest specifies (above)');
}

async function showChange(demo: Demo): Promise<void> {
  heading('A change: shop-web.yaml lists web-4 in place of web-2, while a client keeps connecting');
  writePods(demo.folder, AFTER);
  let [connections, failed] = [0, 0];
  const seen = new Set<string>();
  const took = await until(
    demo,
    async () => {
      const answer = await call();
      connections++;
      if (answer === null) failed++;
      else seen.add(answer);
      return seen.has('web-4');
    },
    'web-4 answers',
  );
  print(
    `  web-4 got its first connection ${milliseconds(took)} after the edit (100 ms are the debounce time)`,
  );
  print(`  ${connections} connections meanwhile, ${failed} failed`);
  if (failed > 0) throw new Error('connections failed during the change');
  show(await callTimes(TRIES), AFTER);
}

async function showDeadPod({ pods }: Demo): Promise<void> {
  heading('A failure: web-3 stops, and the manifest still lists it');
  await pods.get('web-3')?.stop();
  pods.delete('web-3');
  show(await callTimes(TRIES), [pod(1), pod(4)]);
}

async function showEnd({ proxy }: Demo): Promise<void> {
  heading('The end: SIGTERM, while a client has a connection open');
  const open = dialService();
  open.write('who?');
  await once(open, 'data');
  const closed = once(proxy, 'close');
  proxy.kill('SIGTERM');
  while ((await call()) !== null) await wait(5);
  print('  new connections are refused');
  open.end('who?');
  print(`  the open one is answered once more, by ${await text(open)}, and ends`);
  const [status] = (await closed) as [number | null];
  print(`  signalbox ended with status ${status ?? 'none'}`);
  if (status !== 0) throw new Error('signalbox did not end with status 0');
}

async function play(home: string): Promise<void> {
  heading('Signalbox in userspace mode, on loopback addresses');
  print(`  map        ${MAP}`, `  manifests  ${path.join(home, 'manifests')}     in place of an API server`);
  const demo = await start(home);
  try {
    const took = await until(demo, async () => (await call()) !== null, 'the Service answers');
    heading(`shop/web works ${milliseconds(took)} after the start, at ${SERVICE_ADDRESS}:${SERVICE_PORT}`);
    show(await callTimes(TRIES), BEFORE);
    await showChange(demo);
    await showDeadPod(demo);
    await showEnd(demo);
  } finally {
    demo.proxy.kill('SIGKILL');
    for (const each of demo.pods.values()) await each.stop();
  }
}

async function main(): Promise<number> {
  const home = mkdtempSync(path.join(tmpdir(), 'signalbox-demo-'));
  const remove = (): void => rmSync(home, { recursive: true, force: true });
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      remove();
      process.exit(status);
    });
  }
  try {
    await play(home);
    return 0;
  } catch (error) {
    printFailure(error);
    return 1;
  } finally {
    remove();
  }
}

process.exitCode = await main();
