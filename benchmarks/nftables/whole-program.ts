/**
 * The packed program in nftables mode, as it runs on a node, in the namespace this is started in: objects at an API server
 * in, connections out: `whole-program.ts FOLDER SERVICES ENDPOINTS full|smoke`. FOLDER is that of `pack`. Prints JSON.
 */
import { argv, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { sliceJSON } from '../core/cluster.ts';
import { startProgram, type Program } from '../memory/program.ts';
import { percentile } from '../statistics.ts';
import { CONFIG, slice, startCluster, timeChanges, type Cluster, type Size } from './cluster.ts';

export interface ProgramTimes {
  /** Milliseconds: from the start of the process to `/readyz`, which waits until the rules were seen in the kernel. */
  readonly firstSync: number;
  /** Of these, the CPU time of the program. */
  readonly firstSyncCPU: number;
  /** Megabytes of all processes of the program: right after the first sync, and the highest until the end of all changes. */
  readonly rss: number;
  readonly rssHighest: number;
  /** From the write of a slice to the first connection that its endpoint gets: median and 95th percentile. */
  readonly followsP50: number;
  readonly followsP95: number;
  /** CPU of all processes of the program for slice writes (200 in ten seconds), each synced by itself; 0 in larger clusters. */
  readonly cpuOfWrites: number;
}

const FORMS = {
  smoke: { changes: 3, writes: 10, pause: 10 },
  full: { changes: 31, writes: 200, pause: 50 },
} as const;

/** Services of the cluster in which writes are counted. */
const MOST_WRITTEN = 1000;

/** One endpoint of one service goes or comes back with every write. */
async function costOfWrites(
  { api, program }: Bench,
  { services, endpoints }: Size,
  { writes, pause }: (typeof FORMS)['smoke' | 'full'],
): Promise<number> {
  const before = program.usage().cpu;
  for (let at = 0; at < writes; at++) {
    const spare = at % 2 === 0 ? 1 : 0;
    api.put(slice(sliceJSON(((at >> 1) * 7919) % (services - 1), endpoints, spare)));
    await wait(pause);
  }
  await wait(pause);
  return program.usage().cpu - before;
}

interface Bench extends Pick<Cluster, 'api'> {
  readonly program: Program;
}

async function measure(folder: string, size: Size, form: keyof typeof FORMS): Promise<ProgramTimes> {
  const cluster = await startCluster(size);
  const { api, target } = cluster;
  const start = performance.now();
  const program = await startProgram(folder, target, CONFIG);
  const firstSync = performance.now() - start;
  const { rss, cpu } = program.usage();
  const times = await timeChanges(api, size.services, FORMS[form].changes);
  const cpuOfWrites =
    size.services > MOST_WRITTEN ? 0 : await costOfWrites({ api, program }, size, FORMS[form]);
  const rssHighest = program.usage().highest;
  await program.stop();
  await cluster.stop();
  const follows = { followsP50: percentile(times, 0.5), followsP95: percentile(times, 0.95) };
  return { firstSync, firstSyncCPU: cpu, rss, rssHighest, ...follows, cpuOfWrites };
}

const [, , folder = '', services = '100', endpoints = '10', form = 'smoke'] = argv;
const size = { services: Number(services), endpoints: Number(endpoints) };
stdout.write(JSON.stringify(await measure(folder, size, form === 'full' ? 'full' : 'smoke')));
