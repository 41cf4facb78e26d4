/**
 * What the packed program and its children hold, and what a change costs: with 1,000 services at rest, and with 600
 * services of both families whose pods are replaced for ten minutes:
 * `npm run bench -- memory [--smoke]`. Needs root, iptables and openssl: it runs in network namespaces of its own.
 */
import { spawnSync } from 'node:child_process';
import { argv, env, execArgv, execPath, exit, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import {
  createTestApiServer,
  createTestCertificates,
  type TestApiServer,
} from '@signalbox/kubernetes/testing';
import { NODE, service, slices, type Families } from './objects.ts';
import { chooseVariant, pack, startProgram, unpack, type Program } from './program.ts';
import type { Usage } from './process-tree.ts';

const smoke = argv.includes('--smoke');
const ONE: Families = ['IPv4'];
const BOTH: Families = ['IPv4', 'IPv6'];
const REST = smoke
  ? { services: 100, endpoints: 10, pause: 1000 }
  : { services: 1000, endpoints: 10, pause: 60_000 };
const CHURN = smoke
  ? { services: 60, endpoints: 5, pause: 100, minutes: 0.1, reports: 2 }
  : { services: 600, endpoints: 5, pause: 100, minutes: 10, reports: 10 };

interface Case {
  readonly server: TestApiServer;
  readonly start: () => Promise<Program>;
  readonly variant: string;
}

function print(label: string, { processes, rss, pss, anonymous }: Usage): void {
  const [resident, shared, own] = [rss, pss, anonymous].map((each) => each.toFixed(0).padStart(4));
  stdout.write(
    `${label.padEnd(50)} RSS ${resident} MB  PSS ${shared} MB  anonymous ${own} MB  processes ${processes}\n`,
  );
}

function fill(server: TestApiServer, families: Families, { services, endpoints }: typeof REST): void {
  server.put(NODE);
  for (let index = 0; index < services; index++) {
    server.put(service(index, families));
    for (const slice of slices(index, { families, endpoints, generation: 0 })) server.put(slice);
  }
}

async function atRest({ server, start, variant }: Case, families: Families): Promise<void> {
  const { services, pause } = REST;
  fill(server, families, REST);
  const program = await start();
  const label = `${variant}, ${services} services, ${families.join('+')}`;
  print(`${label}, first sync`, program.usage());
  await wait(pause);
  print(`${label}, ${pause / 1000} s later`, program.usage());
  await program.stop();
}

/** One pod of one service is replaced at a time: a write to the slice of each family. */
async function underChurn({ server, start, variant }: Case): Promise<void> {
  const { services, endpoints, pause, minutes, reports } = CHURN;
  fill(server, BOTH, CHURN);
  const program = await start();
  print(`${variant}, ${services} services x ${endpoints}, IPv4+IPv6`, program.usage());
  const changes = Math.round((minutes * 60_000) / pause);
  const began = performance.now();
  let before = program.usage().cpu;
  for (let turn = 1; turn <= changes; turn++) {
    const options = { families: BOTH, endpoints, generation: turn };
    for (const slice of slices((turn * 7919) % services, options)) server.put(slice);
    // What it has sent is of no use to it any more.
    server.store.compact();
    await wait(Math.max(0, began + turn * pause - performance.now()));
    if (turn % Math.round(changes / reports) !== 0) continue;
    const usage = program.usage();
    const cost = ((usage.cpu - before) * reports) / changes;
    before = usage.cpu;
    const seconds = (performance.now() - began) / 1000;
    print(`${seconds.toFixed(0).padStart(6)} s, ${cost.toFixed(1)} ms of CPU a change`, usage);
  }
  await program.stop();
}

const WORK = {
  'one-family': (each: Case) => atRest(each, ONE),
  'both-families': (each: Case) => atRest(each, BOTH),
  churn: underChurn,
} as const;

async function inside(folder: string, what: keyof typeof WORK, variant: string): Promise<number> {
  chooseVariant(variant);
  const certificates = await createTestCertificates();
  const server = await createTestApiServer(certificates === null ? {} : { tls: certificates.server });
  const target = { url: server.url, ca: certificates?.ca ?? null };
  await WORK[what]({ server, variant, start: () => startProgram(folder, target) });
  await server.stop();
  await certificates?.remove();
  return 0;
}

function outside(): number {
  const probe = spawnSync('unshare', ['-n', 'true'], { encoding: 'utf8' });
  if (probe.status !== 0) {
    stdout.write(`memory: SKIPPED, no network namespaces here: ${probe.error?.message ?? probe.stderr}\n`);
    return 0;
  }
  const words = [execPath, ...execArgv, ...argv.slice(1)].map((word) => `'${word}'`).join(' ');
  const works = Object.keys(WORK).filter((work) => !smoke || work !== 'both-families');
  const cases = works.flatMap((work) => ['nft', 'legacy'].map((variant) => ({ work, variant })));
  const command = ['-n', 'sh', '-c', `ip link set lo up && exec ${words}`];
  const folder = pack();
  try {
    for (const { work, variant } of cases) {
      const part = { SIGNALBOX_BENCH: folder, SIGNALBOX_WORK: work, SIGNALBOX_VARIANT: variant };
      const { status } = spawnSync('unshare', command, { stdio: 'inherit', env: { ...env, ...part } });
      if (status !== 0) return status ?? 1;
    }
  } finally {
    unpack(folder);
  }
  return 0;
}

const { SIGNALBOX_BENCH: folder, SIGNALBOX_WORK: work, SIGNALBOX_VARIANT: variant } = env;
exit(folder === undefined ? outside() : await inside(folder, work as keyof typeof WORK, variant ?? 'nft'));
