/** The proxy is killed in the middle of a sync, on the real kernel; the next one brings everything to an end. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createExecDriver } from '@signalbox/iptables';
import {
  FAMILIES,
  type Backend,
  type DesiredChange,
  type DesiredServicePort,
  type Family,
} from '@signalbox/core';
import { runCommand } from '@signalbox/netns';
import { seededRandom } from '@signalbox/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import { fileJournal } from '../driver/journal.ts';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import { formatServers } from '../format/ipvsadm.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import { change, service, TEST_NODE } from './cluster.ts';
import type { KilledRun, KillPoint } from './killed-child.ts';

const SERVICES = 100;
const CHILD = path.join(import.meta.dirname, 'killed-child.ts');
const random = seededRandom(20_261_121);

// --- Services

type Services = readonly DesiredServicePort[];

function pods(family: Family, count: number): DesiredServicePort['clusterEndpoints'] {
  const prefix = family === 'IPv4' ? '10.244.1.' : 'fd00:10:244:1::';
  return Array.from({ length: count }, (_, index) => ({
    address: `${prefix}${5 + index}`,
    port: 8080,
    isLocal: true,
  }));
}

/** Service number `index`, which has `endpoints` of them: all kinds of frontends, each protocol. */
function numbered(family: Family, index: number, endpoints: number): DesiredServicePort {
  const four = family === 'IPv4';
  const made = service({
    name: `s${index}`,
    protocol: (['TCP', 'TCP', 'UDP', 'SCTP'] as const)[index % 4] ?? 'TCP',
    clusterIP: four ? `10.96.1.${index}` : `fd00:10:96::1:${index.toString(16)}`,
    ...(index % 3 === 0 ? { nodePort: 30_000 + index } : {}),
    ...(index % 5 === 0 ? { externalIPs: [four ? `203.0.113.${index}` : `2001:db8:0:b::${index}`] } : {}),
    ...(index % 7 === 0 ? { affinitySeconds: 600 } : {}),
  });
  const clusterEndpoints = pods(family, endpoints);
  return { ...made, clusterEndpoints, localEndpoints: clusterEndpoints, servingEndpoints: clusterEndpoints };
}

function everything(family: Family, services: Services): DesiredChange {
  const node =
    family === 'IPv4'
      ? TEST_NODE
      : ({
          ...TEST_NODE,
          localDetector: { kind: 'none' },
          clusterIPMasquerade: 'none',
          nodePortIPs: ['2001:db8:0:2::10'],
        } as const);
  return change('full', { family, node, added: services });
}

/** `before` becomes `after`: by number and name, whatever is there. */
function from(family: Family, before: Services, after: Services): DesiredChange {
  const was = new Map(before.map((item) => [item.key, item]));
  const is = new Set(after.map(({ key }) => key));
  const { node } = everything(family, []);
  return change('incremental', {
    family,
    node,
    added: after.filter(({ key }) => !was.has(key)),
    removed: before.filter(({ key }) => !is.has(key)),
    changed: after.flatMap((item) => {
      const old = was.get(item.key);
      return old === undefined ? [] : [[old, item] as const];
    }),
  });
}

function services(family: Family, first: number, endpoints: (index: number) => number): Services {
  return Array.from({ length: SERVICES }, (_, at) => numbered(family, first + at, endpoints(first + at)));
}

// --- The proxy, and the kernel

const backends: Backend[] = [];

function newDriver(family: Family): IpvsDriver {
  return createNetlinkDriver({ family, iptables: createExecDriver({ family, variant: 'legacy' }) });
}

function start(family: Family, journal: string): { readonly backend: Backend; readonly driver: IpvsDriver } {
  const driver = newDriver(family);
  const backend = createIpvsBackend({ family, driver, journal: fileJournal(journal) });
  backends.push(backend);
  return { backend, driver };
}

async function converge(backend: Backend, desired: DesiredChange): Promise<void> {
  const result = await backend.sync(desired);
  expect(result.outcome, JSON.stringify(result, null, 1)).toBe('ok');
}

interface KernelState {
  readonly servers: string;
  readonly sets: string;
  readonly addresses: string;
  readonly rules: string;
}

/**
 * All objects of Signalbox in the kernel, as its own tools list them, without what is random. One child for all of them:
 * User-Mode Linux takes long to copy the memory of a test for each.
 */
async function kernelState(family: Family): Promise<KernelState> {
  const four = family === 'IPv4';
  const tools = [
    'ipvsadm -Sn',
    'ipset save',
    `ip ${four ? '-4' : '-6'} -o address show dev kube-ipvs0 2>/dev/null || true`,
    four ? 'iptables-legacy-save' : 'ip6tables-legacy-save',
  ];
  const text = await runCommand(['sh', '-ec', tools.join('\necho ====\n')]);
  const [servers = '', sets = '', addresses = '', rules = ''] = text.split('====\n');
  const sorted = (lines: string): string => lines.split('\n').sort().join('\n');
  return {
    servers: sorted(servers),
    sets: sorted(sets.replaceAll(/ hashsize \d+| bucketsize \d+| initval \S+/g, '')),
    addresses: sorted(addresses.replaceAll(/^\d+: /gm, '')),
    rules: rules.replaceAll(/^#.*\n|\[\d+:\d+\]/gm, ''),
  };
}

/** Runs until the child is dead, by its own hand. */
async function killed(run: KilledRun): Promise<void> {
  const child = fork(CHILD, { execArgv: ['--conditions=signalbox-source'], serialization: 'advanced' });
  child.send(run);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
}

/** Leaves nothing, and reports that. */
async function expectNothingLeft(family: Family, backend: Backend): Promise<void> {
  expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
  const { servers, sets, addresses, rules } = await kernelState(family);
  expect({ servers, sets, addresses }).toEqual({ servers: '', sets: '', addresses: '' });
  expect(rules).not.toMatch(/KUBE|kube/);
}

afterEach(async () => {
  for (const backend of backends.splice(0)) {
    await backend.cleanup();
    await backend.close();
  }
});

async function withJournal(action: (journal: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'signalbox-ipvs-killed-'));
  try {
    await action(path.join(folder, 'journal.json'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe.each(FAMILIES)('a proxy that is killed in the middle of a sync, %s', (family) => {
  const old = services(family, 1, (index) => 1 + (index % 3));
  // A fifth goes, a fifth comes, of the others some grow, some shrink, some to nothing.
  const next = services(family, 21, (index) => (index + 1) % 4);
  const share = (): number => Math.round(random() * 1000) / 1000;
  const four = family === 'IPv4';
  const first: readonly KillPoint[] = four
    ? ['set-add', 'packet-filter-install', share(), 'address-add']
    : ['packet-filter-install', share()];
  const later: readonly KillPoint[] = four ? [share(), 'server-delete', share()] : [share()];

  it(`first sync: ${first.join(', ')}`, () =>
    withJournal(async (journal) => {
      const clean = start(family, journal);
      await converge(clean.backend, everything(family, next));
      const right = await kernelState(family);
      await expectNothingLeft(family, clean.backend);
      for (const at of first) {
        await killed({ family, journal, changes: [everything(family, old)], at });
        expect(await kernelState(family), `killed at ${at}`).not.toEqual(right);
        const { backend, driver } = start(family, journal);
        await converge(backend, everything(family, next));
        expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
        expect(await kernelState(family), `killed at ${at}`).toEqual(right);
        await expectTextIsKernels(driver);
        await expectNothingLeft(family, backend);
      }
    }));

  it(`a change: ${later.join(', ')}`, () =>
    withJournal(async (journal) => {
      const states = [old, next];
      const right: KernelState[] = [];
      for (const state of states) {
        const { backend } = start(family, journal);
        await converge(backend, everything(family, state));
        right.push(await kernelState(family));
        await expectNothingLeft(family, backend);
      }
      await converge(start(family, journal).backend, everything(family, old));
      for (const [round, at] of later.entries()) {
        const now = states[round % 2] ?? [];
        const then = states[(round + 1) % 2] ?? [];
        const changes = [everything(family, now), from(family, now, then)];
        await killed({ family, journal, changes, at });
        expect(await kernelState(family), `killed at ${at}`).not.toEqual(right[(round + 1) % 2]);
        const { backend, driver } = start(family, journal);
        await converge(backend, everything(family, then));
        expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
        expect(await kernelState(family), `killed at ${at}`).toEqual(right[(round + 1) % 2]);
        await expectTextIsKernels(driver);
      }
      const last = backends.at(-1);
      if (last !== undefined) await expectNothingLeft(family, last);
    }));
});

/** In the format of `ipvsadm -Sn`. */
async function expectTextIsKernels(driver: IpvsDriver): Promise<void> {
  const seen = await driver.observe();
  if (!seen.ok) throw new Error(seen.error.message);
  const lines = (text: string): readonly string[] => text.split('\n').toSorted();
  expect(lines(formatServers(seen.value.servers.values()))).toEqual(
    lines(await runCommand(['ipvsadm', '-Sn'])),
  );
}
