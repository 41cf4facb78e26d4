/**
 * The checks as one program, bundled by tools/rig-a.mjs and tools/rig-b.mjs and run under a real Node (Linux or
 * Windows). `main <edge-js folder> <Signalbox.Hcn.dll> <control port> <result file>`; results are JSON lines.
 */
import { appendFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { hcnApiOf } from '../../driver/hcn-api.ts';
import { loadNativeLayer } from '../../driver/native-layer.ts';
import { CHECKS, type Check, type RigContext } from './checks.ts';
import { connectControl } from './control.ts';

const [edgeModule = '', assembly = '', controlPort = '', resultFile = ''] = process.argv.slice(2);

function report(name: string, failure: string | null): void {
  appendFileSync(resultFile, `${JSON.stringify({ name, failure })}\n`);
}

async function runCheck(check: Check, context: RigContext): Promise<void> {
  try {
    await check.run(context);
    report(check.name, null);
  } catch (error) {
    report(check.name, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** In a worker edge-js would end the process: the layer must refuse before it loads edge-js. */
const inWorker: Check = {
  name: 'in a worker thread the layer refuses to load',
  async run() {
    const worker = new Worker(import.meta.filename, { argv: process.argv.slice(2) });
    const message = await new Promise<unknown>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if (!String(message).includes('main thread')) throw new Error(`got: ${String(message)}`);
  },
};

async function main(): Promise<void> {
  const loaded = loadNativeLayer({ edgeModule, assembly });
  if (!loaded.ok) {
    report('edge-js loads', JSON.stringify(loaded.error));
    return;
  }
  report('edge-js loads', null);
  const control = await connectControl(Number(controlPort));
  const context = { layer: loaded.value, hcn: hcnApiOf(loaded.value.invoke), control };
  for (const check of [...CHECKS, inWorker]) await runCheck(check, context);
  control.close();
}

if (isMainThread) {
  await main();
  report('end', null);
} else {
  const loaded = loadNativeLayer({ edgeModule, assembly });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of worker_threads has no origin
  parentPort?.postMessage(loaded.ok ? 'loaded' : loaded.error.message);
}
