/**
 * What the answers about Services cost the syncs, and what the modules of other commands cost the start of every node, in
 * nftables mode: `npm run bench -- inspect [--smoke]`. Needs root, ip and openssl.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ms, printTable, runInNamespace } from '../harness.ts';
import { pack, unpack } from '../memory/program.ts';
import type { ProgramTimes } from '../nftables/whole-program.ts';
import { median, percentile } from '../statistics.ts';
import type { FollowTimes } from './inspected.ts';

const SIZE = argv.includes('--smoke')
  ? { services: 50, changes: 3, starts: 1 }
  : { services: 1000, changes: 31, starts: 9 };
const ENDPOINTS = 10;
/** Chunks that one command or one flag loads (apps/proxy/tsup.config.ts). */
const LOADED_ON_DEMAND = ['cluster-client.js', 'trace-exporter.js'];

function script(path: string, folder: string, ...args: readonly (string | number)[]): unknown {
  const file = fileURLToPath(new URL(path, import.meta.url));
  return runInNamespace(file, [folder, SIZE.services, ENDPOINTS, ...args].map(String));
}

function printFollows({ unread, read, answers }: FollowTimes): void {
  const row = (name: string, share: number): readonly string[] => {
    const [without, beside] = [percentile(unread, share), percentile(read, share)];
    return [name, ms(without), ms(beside), (beside / without).toFixed(2)];
  };
  console.log(
    `A change is followed, ${SIZE.services} Services, ${read.length} changes each, ${answers} answers`,
  );
  printTable([['', 'nothing is read', 'while a client reads', 'ratio'], row('p50', 0.5), row('p95', 0.95)]);
}

/** The program as it is packed, and without the files that are loaded on demand, by turns. */
function printStarts(folder: string): void {
  const without = mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
  try {
    cpSync(folder, without, { recursive: true });
    for (const name of LOADED_ON_DEMAND) rmSync(join(without, name));
    const folders = [folder, without];
    const starts: ProgramTimes[][] = [[], []];
    for (let run = 0; run < SIZE.starts; run++) {
      for (const [at, each] of folders.entries())
        starts[at]?.push(script('../nftables/whole-program.ts', each, 'smoke') as ProgramTimes);
    }
    const row = (name: string, of: (times: ProgramTimes) => number, unit: string): readonly string[] => {
      const [all = 0, main = 0] = starts.map((times) => median(times.map(of)));
      return [name, `${all.toFixed(0)} ${unit}`, `${main.toFixed(0)} ${unit}`, (all / main).toFixed(2)];
    };
    console.log(`Start to first sync verified, ${SIZE.services} Services, ${SIZE.starts} starts each`);
    printTable([
      ['', 'as packed', `without ${LOADED_ON_DEMAND.join(', ')}`, 'ratio'],
      row('time', ({ firstSync }) => firstSync, 'ms'),
      row('CPU', ({ firstSyncCPU }) => firstSyncCPU, 'ms'),
      row('RSS', ({ rss }) => rss, 'MB'),
    ]);
  } finally {
    rmSync(without, { recursive: true });
  }
}

const folder = pack();
try {
  const follows = script('inspected.ts', folder, SIZE.changes) as FollowTimes | null;
  if (follows === null) {
    console.log('inspect: skipped, no network namespaces here');
  } else {
    printFollows(follows);
    printStarts(folder);
  }
} finally {
  unpack(folder);
}
