/** One client in a process of its own: `client.ts <how> <url> <services> <changes>`. Prints a line when synced, then its result. */
import { argv, cpuUsage, resourceUsage, stdout } from 'node:process';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { Listener } from './listener.ts';
import { runOfficialInformers } from './official-informers.ts';
import { runOurSource } from './our-source.ts';

/** What is left of one run, in milliseconds and megabytes. */
export interface ClientResult {
  readonly syncMs: number;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  readonly worstGapMs: number;
  readonly latencyMs: { readonly median: number; readonly p99: number };
  readonly objects: number;
}

const [, , how = 'ours', url = '', , wantedChanges = '0'] = argv;
const gaps = monitorEventLoopDelay({ resolution: 1 });
gaps.enable();
const latencies: number[] = [];
const synced = { ms: 0, cpu: 0, gap: 0, objects: 0 };

const finish = (): void => {
  const sorted = latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const result: ClientResult = {
    syncMs: synced.ms,
    cpuMs: synced.cpu,
    maxRssMb: resourceUsage().maxRSS / 1024,
    worstGapMs: synced.gap,
    latencyMs: { median: at(0.5), p99: at(0.99) },
    objects: synced.objects,
  };
  stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
};

const listener: Listener = {
  onChange(sent) {
    latencies.push(performance.timeOrigin + performance.now() - sent);
    if (latencies.length === Number(wantedChanges)) finish();
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
    if (Number(wantedChanges) === 0) finish();
  },
};

if (how === 'client-node') await runOfficialInformers(url, listener);
else await runOurSource(url, how === 'listed' ? 'listed' : 'auto', listener);
