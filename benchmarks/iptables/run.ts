/**
 * What iptables mode costs on this machine's kernel, in network namespaces of its own:
 * `npm run bench -- iptables [--smoke]`. Needs unshare and iptables.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ms, packScripts, printTable } from '../harness.ts';
import type { ConnectTimes } from './connect.ts';
import type { SyncTimes } from './measure.ts';
import type { VerifiedTimes } from './verified.ts';
import type { WholeNodeTimes } from './whole-node.ts';

const SIZES = { smoke: [50], full: [100, 1000, 5000] } as const;
const NODE_SERVICES = { smoke: [50], full: [1000, 5000] } as const;
const CONNECT_SERVICES = { smoke: 200, full: 10_000 } as const;

const SCRIPTS = ['measure', 'whole-node', 'verified', 'connect'] as const;
const scripts = await packScripts(
  SCRIPTS.map((script) => fileURLToPath(new URL(`./${script}.ts`, import.meta.url))),
);

function syncRow(times: SyncTimes): readonly string[] {
  return [
    times.variant,
    String(times.services),
    String(times.rules),
    ms(times.firstSync),
    ms(times.adoption),
    ms(times.oneChange),
    ms(times.look),
    ms(times.cpuPer200Changes),
    `${times.rssMegabytes.toFixed(0)} MB`,
  ];
}

function measureSyncs(sizes: readonly number[]): void {
  const results: SyncTimes[] = [];
  for (const variant of ['nft', 'legacy']) {
    for (const services of sizes) {
      const times = scripts.inNamespace('measure', variant, services) as SyncTimes | null;
      if (times !== null) results.push(times);
    }
  }
  if (results.length === 0) {
    console.log('iptables: skipped, no network namespaces here');
    return;
  }
  const head = [
    'variant',
    'services',
    'rules',
    'first sync',
    'restart',
    'one change',
    'look',
    '200 changes, CPU',
    'RSS',
  ];
  printTable([head, ...results.map(syncRow)]);
  for (const variant of ['nft', 'legacy']) {
    const own = results.filter((each) => each.variant === variant);
    const [small, large] = [own[0], own.at(-1)];
    if (small === undefined || large === undefined || small === large) continue;
    const ratio = (large.oneChange / small.oneChange).toFixed(1);
    console.log(
      `iptables ${variant}: a change among ${large.services} services takes ${ratio} times as long as among ${small.services}`,
    );
  }
}

function measureWholeNode(size: keyof typeof NODE_SERVICES): void {
  const cases = ['nft', 'legacy'].flatMap((variant) =>
    NODE_SERVICES[size].map((services) => ({ variant, services })),
  );
  const results = cases
    .map(({ variant, services }) => scripts.inNamespace('whole-node', variant, services, size))
    .filter((times) => times !== null) as WholeNodeTimes[];
  if (results.length === 0) return;
  const head = [
    'objects to connections',
    'services',
    'first sync',
    'RSS',
    'change followed',
    size === 'full' ? '200 writes, CPU' : '10 writes, CPU',
  ];
  const rows = results.map((times) => [
    times.variant,
    String(times.services),
    ms(times.firstSync),
    `${times.rssMegabytes.toFixed(0)} MB`,
    ms(times.follows),
    ms(times.cpuOfWrites),
  ]);
  printTable([head, ...rows]);
}

/** Aim: p95 within three times p50. */
function measureVerified(size: keyof typeof NODE_SERVICES): void {
  const changes = size === 'full' ? 100 : 20;
  const results = ['nft', 'legacy']
    .flatMap((variant) => NODE_SERVICES[size].map((services) => ({ variant, services })))
    .map(({ variant, services }) => scripts.inNamespace('verified', variant, services, changes))
    .filter((times) => times !== null) as VerifiedTimes[];
  if (results.length === 0) return;
  const head = [
    'changes while verified',
    'services',
    'p50',
    'p95',
    'p95 / p50',
    'unverified p50',
    'listings',
  ];
  const rows = results.map(({ variant, services, alone, verified, verifications }) => [
    variant,
    String(services),
    ms(verified.p50),
    ms(verified.p95),
    (verified.p95 / verified.p50).toFixed(1),
    ms(alone.p50),
    String(verifications),
  ]);
  printTable([head, ...rows]);
}

function measureConnects(services: number): void {
  const times = scripts.inNamespace('connect', services) as ConnectTimes | null;
  if (times === null) return;
  const { direct, past, tree, flat } = times;
  console.log(`iptables legacy, TCP connect, median: without rules ${direct.toFixed(0)} µs,`);
  console.log(
    `  past the rules, to no service ${past.toFixed(0)} µs (${(past / direct).toFixed(2)} times as long),`,
  );
  console.log(
    `  to the last of ${services} services ${tree.toFixed(0)} µs (${(tree / direct).toFixed(2)} times as long),`,
  );
  if (flat === null) return;
  console.log(
    `  the same with all services in one chain ${flat.toFixed(0)} µs (${(flat / direct).toFixed(2)} times)`,
  );
}

const form = argv.includes('--smoke') ? 'smoke' : 'full';
try {
  measureSyncs(SIZES[form]);
  measureWholeNode(form);
  measureVerified(form);
  measureConnects(CONNECT_SERVICES[form]);
} finally {
  scripts.remove();
}
