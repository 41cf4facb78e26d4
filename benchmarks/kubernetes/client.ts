/** One client in a process of its own: `client.ts <how> <url> <services> <changes>`. Prints a line when synced, then its result. */
import { argv, cpuUsage, resourceUsage, stdout } from 'node:process';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { Listener } from './listener.ts';
import { runOfficialInformers } from './official-informers.ts';
import { runSignalboxSource } from './signalbox-source.ts';
import { median, percentile } from '../statistics.ts';

/** The measurements of one run, in milliseconds and megabytes. */
export interface ClientResult {
  readonly syncMs: number;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  readonly worstGapMs: number;
  readonly latencyMs: { readonly median: number; readonly p99: number };
  readonly objects: number;
}

const [, , how = 'streamed', url = '', , changes = '0'] = argv;
const gaps = monitorEventLoopDelay({ resolution: 1 });
gaps.enable();
const latencies: number[] = [];
const synced = { ms: 0, cpu: 0, gap: 0, objects: 0 };

const finish = (): void => {
  const result: ClientResult = {
    syncMs: synced.ms,
    cpuMs: synced.cpu,
    maxRssMb: resourceUsage().maxRSS / 1024,
    worstGapMs: synced.gap,
    latencyMs: { median: median(latencies), p99: percentile(latencies, 0.99) },
    objects: synced.objects,
  };
  stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
};

const listener: Listener = {
  onChange(sent) {
    latencies.push(performance.timeOrigin + performance.now() - sent);
    if (latencies.length === Number(changes)) finish();
  },
  onSynced(objects) {
    const { user, system } = cpuUsage();
    // From the start of the process: what has to be loaded counts.
    Object.assign(synced, {
      ms: performance.now(),
      cpu: (user + system) / 1000,
      gap: gaps.max / 1e6,
      objects,
    });
    stdout.write('synced\n');
    if (Number(changes) === 0) finish();
  },
};

if (how === 'client-node') await runOfficialInformers(url, listener);
else await runSignalboxSource(url, how === 'listed' ? 'listed' : 'auto', listener);
