/** `--keep`: the node stays; after each edit of the manifests the demo shows where the traffic goes. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ensurePods } from './box.ts';
import { measure } from './distribution.ts';
import { readObjects, type DemoObjects } from './objects.ts';
import { showDistribution, type Demo } from './run-demo.ts';
import { heading, print } from './screen.ts';

const LOOK_EVERY_MS = 500;
const SETTLE_DEADLINE_MS = 10_000;

function enter({ proxy }: Demo): string {
  const user = process.env['SIGNALBOX_USER_NAMESPACE'] === '1' ? '-U --preserve-credentials ' : '';
  return `nsenter ${user}-n -m -t ${proxy.pid}`;
}

function describeKeep(demo: Demo): void {
  heading('The node stays until Ctrl-C');
  print(
    `  edit      ${demo.manifests}/*.yaml: endpoints that you add (10.244.1.x) get a pod, the traffic is shown again`,
    `  try       sed -i '/10.244.1.11/,+3d' ${demo.manifests}/shop-web.yaml        a pod less for IPv4`,
    `  look      ${enter(demo)} iptables-save -t nat`,
    `  go in     ${enter(demo)} sh`,
    `  break it  ${enter(demo)} iptables -t nat -F          and see it repaired`,
    `  log       ${demo.proxy.logFile}`,
  );
}

/** Editors remove a file before they write it anew. */
function timeOf(file: string): string {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? 'gone' : String(stats.mtimeNs);
}

function fingerprint(folder: string): string {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return names.map((name) => `${name} ${timeOf(path.join(folder, name))}`).join('\n');
}

function podsOfService({ endpoints }: DemoObjects, service: string, family: boolean): ReadonlySet<string> {
  const own = endpoints.filter((endpoint) => endpoint.service === service);
  return new Set(own.filter(({ at }) => at.address.includes(':') === family).map(({ pod }) => pod));
}

/** Waits until the first frontend of each service is answered by the pods that the manifests name, and no other. */
async function awaitTraffic({ world, manifests }: Demo, stopped: AbortSignal): Promise<void> {
  const deadline = performance.now() + SETTLE_DEADLINE_MS;
  while (!stopped.aborted && performance.now() < deadline) {
    const objects = readObjects(manifests);
    const states = await Promise.all(
      objects.frontends.map(async (frontend) => {
        const { counts } = await measure(world, { frontend, timeout: 300, tries: 20 }, objects.endpoints);
        const wanted = podsOfService(objects, frontend.service, frontend.at.address.includes(':'));
        return counts.size === wanted.size && [...counts.keys()].every((pod) => wanted.has(pod));
      }),
    );
    if (states.every(Boolean)) return;
  }
}

async function showAgain(demo: Demo, stopped: AbortSignal): Promise<void> {
  const { endpoints, problems } = readObjects(demo.manifests);
  for (const problem of problems) print(`  ${problem}`);
  const unassigned = await ensurePods(demo.world, endpoints);
  if (unassigned.length > 0)
    print(`  no host of the demo has the address ${unassigned.join(', ')}: pods can be added to 10.244.1.x`);
  await awaitTraffic(demo, stopped);
  await showDistribution(demo);
}

/** Until `stopped`. An invalid manifest does not end the demo: it is reported, and the demo waits for the next edit. */
export async function keepRunning(demo: Demo, stopped: AbortSignal): Promise<void> {
  describeKeep(demo);
  let seen = fingerprint(demo.manifests);
  while (!stopped.aborted) {
    await wait(LOOK_EVERY_MS, undefined, { signal: stopped }).catch(() => undefined);
    const ended = demo.proxy.ended();
    if (ended !== undefined && !stopped.aborted) throw new Error(ended);
    const now = stopped.aborted ? seen : fingerprint(demo.manifests);
    if (now === seen) continue;
    seen = now;
    await showAgain(demo, stopped).catch((error: Error) => {
      if (!stopped.aborted) print(`  not readable yet: ${error.message.split('\n')[0] ?? ''}`);
    });
  }
}
