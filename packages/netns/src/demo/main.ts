/**
 * `npm start`: a node in network namespaces with the real proxy in it. Needs namespaces of its own (tools/namespaces.mjs) and
 * the main file of a build (`--bundle`). `--keep` stays until Ctrl-C.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildWorld } from './box.ts';
import { keepRunning } from './keep.ts';
import { writeAll } from './manifests.ts';
import { readObjects } from './objects.ts';
import { endDemo, showChange, showDistribution, showRepair, startDemo } from './run-demo.ts';
import { heading, print, printFailure } from './screen.ts';

const { values } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, bundle: { type: 'string' } },
});
const { bundle = '' } = values;
if (bundle === '') throw new Error('--bundle: required');

/** What a shell reports for a command that one of these ended. SIGHUP: the terminal was closed. */
const STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type EndingSignal = keyof typeof STATUS;

const stop = new AbortController();
for (const signal of Object.keys(STATUS) as EndingSignal[]) process.on(signal, () => stop.abort(signal));
// Writes to a closed terminal fail; the clean-up must run anyway.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

async function tellStory(manifests: string): Promise<void> {
  await using world = await buildWorld(readObjects(manifests));
  const demo = await startDemo(world, { bundle, manifests }, stop.signal);
  try {
    const acts = [
      async () => (await showDistribution(demo))(),
      async () => showChange(demo),
      async () => (await showDistribution(demo, 'shop/web'))(),
      async () => showRepair(demo),
    ];
    for (const act of acts) {
      stop.signal.throwIfAborted();
      await act();
    }
    if (values.keep) await keepRunning(demo, stop.signal);
    if (!stop.signal.aborted) await endDemo(demo);
  } finally {
    await demo.proxy.stop();
  }
}

async function main(): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-demo-'));
  const manifests = path.join(folder, 'manifests');
  mkdirSync(manifests);
  writeAll(manifests);
  heading('Signalbox on a node in a box');
  print(
    '  node-a     192.0.2.10  2001:db8:0:2::10     a network namespace, with rules of its own',
    '  shopper    10.244.1.9  fd00:10:244:1::9     a pod of node-a that connects to cluster IPs',
    '  client     198.51.100.7  2001:db8:0:c::7    outside, connects to node ports',
    `  manifests  ${manifests}     in place of an API server`,
  );
  try {
    await tellStory(manifests);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return STATUS[stop.signal.reason as EndingSignal];
    printFailure(error);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    if (stop.signal.aborted) print('', '  cleaned up');
  }
}

process.exitCode = await main();
