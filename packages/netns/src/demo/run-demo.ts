/** The steps of the demo, from an empty node to an empty node. */
import { setTimeout as wait } from 'node:timers/promises';
import { runCommand } from '../commands.ts';
import type { World } from '../world.ts';
import {
  cleanUpRules,
  countRules,
  ensurePods,
  startProxy,
  type ProxyFiles,
  type ProxyProcess,
} from './box.ts';
import { watchChange } from './change.ts';
import { callFrontend, drawDistributions, measure, type Distribution } from './distribution.ts';
import { WEB_AFTER, writeWeb } from './manifests.ts';
import { readObjects, type DemoObjects, type Frontend } from './objects.ts';
import { describeRules, describeServices, heading, milliseconds, print } from './screen.ts';

const TRIES = 60;
const START_DEADLINE_MS = 60_000;
const MIN_SYNC_PERIOD_MS = 1000;

export interface Demo extends ProxyFiles {
  readonly world: World;
  readonly proxy: ProxyProcess;
  /** Aborted by a signal: the demo ends as soon as it can. */
  readonly stopped: AbortSignal;
}

/** Every frontend answers: the proxy has programmed all of the manifests. */
async function awaitService(
  { world, proxy, stopped }: Pick<Demo, 'world' | 'proxy' | 'stopped'>,
  frontends: readonly Frontend[],
): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  for (const frontend of frontends) {
    for (;;) {
      const [attempt] = await callFrontend(world, { frontend, tries: 1, timeout: 100 });
      if (attempt?.kind === 'answered') break;
      stopped.throwIfAborted();
      const ended = proxy.ended();
      if (ended !== undefined) throw new Error(ended);
      if (performance.now() > deadline)
        throw new Error(`no answer after ${START_DEADLINE_MS / 1000} s; the log is ${proxy.logFile}`);
    }
  }
}

export async function startDemo(world: World, files: ProxyFiles, stopped: AbortSignal): Promise<Demo> {
  const { manifests } = files;
  const objects = readObjects(manifests);
  await ensurePods(world, objects.endpoints);
  heading('Services, from the manifests');
  print(...describeServices(objects));
  const started = performance.now();
  const proxy = startProxy(world, files);
  const demo = { world, proxy, stopped, ...files };
  try {
    await awaitService(demo, objects.frontends);
  } catch (error) {
    await proxy.stop();
    throw error;
  }
  heading(
    `signalbox --proxy-mode=iptables: every service works ${milliseconds(performance.now() - started)} after its start`,
  );
  print(`  in the kernel: ${describeRules(await countRules(world))}`);
  return demo;
}

/** Throws if a connection failed or a pod was left out. */
function check(rows: readonly Distribution[], { endpoints }: DemoObjects): void {
  for (const { frontend, counts, failed } of rows) {
    const pods = new Set(
      endpoints.filter(({ service }) => service === frontend.service).map(({ pod }) => pod),
    );
    const same = counts.size === pods.size && [...counts.keys()].every((pod) => pods.has(pod));
    if (failed > 0 || !same)
      throw new Error(`${frontend.service} is not served as its manifest specifies (above)`);
  }
}

/** `only`: a service's `namespace/name`; all of them if absent. Returns the check that no connection was lost. */
export async function showDistribution({ world, manifests }: Demo, only?: string): Promise<() => void> {
  const objects = readObjects(manifests);
  const shown = objects.frontends.filter(({ service }) => only === undefined || service === only);
  heading(`${TRIES} connections each: who answered`);
  const rows: Distribution[] = [];
  for (const frontend of shown) {
    rows.push(await measure(world, { frontend, tries: TRIES }, objects.endpoints));
  }
  print(...drawDistributions(rows, objects.endpoints));
  return () => check(rows, objects);
}

export async function showChange(demo: Demo): Promise<void> {
  const { world, manifests, stopped } = demo;
  const before = readObjects(manifests);
  const frontends = before.frontends.filter(({ service }) => service === 'shop/web');
  if (frontends.length === 0) throw new Error('no service shop/web in the manifests');
  heading('A change: shop-web.yaml lists web-4 in place of web-2, while the shopper keeps connecting');
  const arrived = WEB_AFTER.filter(({ name }) => name === 'web-4').flatMap(({ name, node, addresses }) =>
    addresses.map((address) => ({
      service: 'shop/web',
      pod: name,
      node,
      protocol: 'TCP' as const,
      at: { address, port: 8080 },
    })),
  );
  await ensurePods(world, arrived);
  // Idle first: a change within a second of the last write waits until that second is over (minSyncPeriod, as in kube-proxy).
  await wait(MIN_SYNC_PERIOD_MS);
  const endpoints = [...before.endpoints, ...arrived];
  const edit = (): void => writeWeb(manifests, WEB_AFTER);
  const change = { frontends, endpoints, goes: 'web-2', comes: 'web-4', edit, stopped };
  const followed = await watchChange(world, change);
  await world.removePod('web-2');
  const { connections, failed, firstToNew, lastToOld } = followed;
  const last = lastToOld === 0 ? 'none after the edit' : `its last after ${milliseconds(lastToOld)}`;
  print(`  web-4 got its first connection ${milliseconds(firstToNew)} after the edit, web-2 ${last}`);
  print(`  (of that, 100 ms are the debounce time after the last write to the folder)`);
  print(`  ${connections} connections meanwhile, ${failed} failed`);
  if (failed > 0) throw new Error('connections failed during the change');
}

/** Another process flushes a table of the kernel, as some firewall scripts do. */
export async function showRepair(demo: Demo): Promise<void> {
  const { world, manifests } = demo;
  heading('An accident: iptables -t nat -F on the node');
  await wait(MIN_SYNC_PERIOD_MS);
  const { frontends } = readObjects(manifests);
  const flushed = performance.now();
  await runCommand([...world.node.prefix, 'iptables', '-t', 'nat', '-F']);
  await awaitService(demo, frontends);
  const rules = describeRules(await countRules(world));
  print(`  every service works again ${milliseconds(performance.now() - flushed)} after it: ${rules}`);
}

export async function endDemo({ world, proxy, bundle }: Demo): Promise<void> {
  await proxy.stop();
  heading('The end');
  const before = await countRules(world);
  await cleanUpRules(world, bundle);
  const after = await countRules(world);
  print(`  signalbox stopped, traffic goes on: ${describeRules(before)}`);
  print(`  signalbox --cleanup: ${describeRules(after)}`);
  if (after.some(({ rules }) => rules > 0)) throw new Error('--cleanup left rules behind');
}
