/**
 * Userspace mode beside HAProxy and nginx's stream module, in one network namespace: `npm run bench -- userspace [--smoke]`. Each proxy
 * is one process on its own core, in front of the same server; wrk is the client. Needs unshare, taskset, haproxy, nginx and wrk.
 */
import { spawnSync } from 'node:child_process';
import { argv, pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ms, packScripts, printTable } from '../harness.ts';
import { median } from '../statistics.ts';
import type { ChangeTimes } from './change.ts';
import type { OpenConnections } from './open-connections.ts';
import type { Idle, LoadName, Measured, Sample } from './measure.ts';

const form = argv.includes('--smoke') ? 'smoke' : 'full';
const [SERVICES, CHANGES, OPEN] = form === 'full' ? [5000, 101, 20_000] : [200, 21, 500];
/** Two for each connection, and a reserve. */
const FILES = 65_536;
const AIMS = {
  connects: 'aim: 0.5',
  requests: 'aim: 0.5',
  'one by one': '',
  'one stream': 'aim: 0.7',
  'many streams': 'aim: 0.7',
} as const;

const COMPARED = [
  ['Signalbox', 'HAProxy'],
  ['Signalbox', 'nginx'],
  ['Signalbox, 2 threads', 'HAProxy, 2 threads'],
  ['Signalbox, 2 threads', 'Signalbox'],
] as const;

interface Row {
  readonly rate: number;
  /** In the unit of `rate`, per second of CPU time of the proxy. */
  readonly perCpu: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

function rowOf(samples: readonly Sample[], load: LoadName): Row {
  const isStream = load.endsWith('stream') || load.endsWith('streams');
  const rate = (each: Sample): number => (isStream ? each.megabytes : each.requests);
  return {
    rate: median(samples.map(rate)),
    perCpu: median(samples.map((each) => (rate(each) * each.seconds * 1000) / each.cpu)),
    p50: median(samples.map(({ p50 }) => p50)),
    p99: median(samples.map(({ p99 }) => p99)),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
  };
}

function printLoad(samples: readonly Sample[], load: LoadName): void {
  const targets = [...new Set(samples.map(({ target }) => target))];
  const rows = new Map(
    targets.map((target) => [
      target,
      rowOf(
        samples.filter((each) => each.target === target),
        load,
      ),
    ]),
  );
  const unit = load.includes('stream') ? 'MB' : 'requests';
  const head = [load, `${unit} / s`, `${unit} / s of CPU`, 'p50', 'p99', 'errors'];
  const cells = [...rows].map(([target, { rate, perCpu, p50, p99, errors }]) => [
    target,
    rate.toFixed(0),
    target === 'direct' ? '' : perCpu.toFixed(0),
    ms(p50),
    ms(p99),
    String(errors),
  ]);
  printTable([head, ...cells]);
  for (const [name, to] of COMPARED) {
    const [own, other] = [rows.get(name), rows.get(to)];
    if (own === undefined || other === undefined) continue;
    const ratios = [own.rate / other.rate, own.perCpu / other.perCpu].map((each) => each.toFixed(2));
    console.log(`  ${name} to ${to}: ${ratios[0]}, by CPU ${ratios[1]} (${AIMS[load] || 'no aim'})`);
  }
  if (!load.includes('stream')) printAddedLatency(rows);
}

/** Prints nothing unless the server was also measured without a proxy. */
function printAddedLatency(rows: ReadonlyMap<string, Row>): void {
  const direct = rows.get('direct');
  const [haproxy, own] = [rows.get('HAProxy'), rows.get('Signalbox')];
  if (direct === undefined || haproxy === undefined || own === undefined) return;
  const added = (row: Row) => [row.p50 - direct.p50, row.p99 - direct.p99].map((each) => each.toFixed(3));
  console.log(
    `  added p50 and p99 in ms: HAProxy ${added(haproxy).join(', ')}; Signalbox ${added(own).join(', ')}; p99 ${(own.p99 / haproxy.p99).toFixed(1)} of HAProxy (aim: 3)`,
  );
}

function printIdle(idle: readonly Idle[]): void {
  for (const { target, connections, kilobytes } of idle) {
    const all = (kilobytes * 10_000) / 1000;
    console.log(
      `${target}: ${kilobytes.toFixed(1)} kB for an idle connection (${connections} of them), ${all.toFixed(0)} MB for 10,000`,
    );
  }
}

function printOpen({ connections, answered, kilobytes, microseconds }: OpenConnections): void {
  const limited = connections < OPEN ? `, of ${OPEN} requested: the limit of open files is too low` : '';
  const [first, second] = kilobytes.map((each) => each.toFixed(1));
  console.log(
    `${connections} open connections${limited}: ${answered.join(' and ')} of two waves carry data; ${first} kB of memory and ${microseconds.toFixed(0)} µs of CPU each, ${second} kB in the second wave`,
  );
}

/** Each process raises its soft limit to the hard one; only CAP_SYS_RESOURCE may raise that. */
function raiseFileLimit(): void {
  spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${FILES}:${FILES}`], { stdio: 'ignore' });
}

raiseFileLimit();
const WORKER = '../../packages/backend-userspace/src/workers/userspace-worker';
const scripts = await packScripts(
  ['./measure', './signalbox', './change', './open-connections', WORKER].map((name) =>
    fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
  ),
);
try {
  const measured = scripts.inNamespace('measure', form) as Measured | null;
  if (measured === null) console.log('userspace: skipped, no network namespaces here');
  else {
    for (const load of new Set(measured.samples.map((each) => each.load)))
      printLoad(
        measured.samples.filter((each) => each.load === load),
        load,
      );
    printIdle(measured.idle);
    printOpen(scripts.inNamespace('open-connections', OPEN) as OpenConnections);
    const times = scripts.inNamespace('change', SERVICES, CHANGES) as ChangeTimes;
    console.log(
      `endpoint changed → next connection reaches the new one, ${times.services} Services: median ${ms(times.median)}, p95 ${ms(times.p95)} (aim: 10 ms); first sync ${ms(times.firstSync)}`,
    );
  }
} finally {
  scripts.remove();
}
