/** Against the real kernel, in a network namespace of this process: `unshare -n`. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Backend, DesiredServicePort, DesiredState, Family, SyncResult } from '@signalbox/core';
import { fullChange } from '@signalbox/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createExecDriver,
  type IptablesDriver,
  parseSave,
  TABLES,
  UNLISTED_RULE,
  type Variant,
} from '@signalbox/iptables';
import { createIptablesBackend } from './iptables-backend.ts';
import { everyKind } from '../testing/every-kind.ts';
import {
  changeBetween,
  SAMPLE_NODE,
  sampleEndpoints,
  sampleService,
  sampleState,
  TO_CLUSTER_MASQUERADED,
} from '../testing/sample-state.ts';

interface Case {
  readonly variant: Variant;
  readonly family: Family;
}

const CASES: readonly Case[] = [
  { variant: 'nft', family: 'IPv4' },
  { variant: 'nft', family: 'IPv6' },
  { variant: 'legacy', family: 'IPv4' },
  { variant: 'legacy', family: 'IPv6' },
];

function run(command: string, ...args: readonly string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

function tool({ variant, family }: Case, part: '' | '-save' | '-restore'): string {
  return `${family === 'IPv4' ? 'iptables' : 'ip6tables'}-${variant}${part}`;
}

/** The rules that are not owned: `iptables-save`, without comments and counters, of all tables that services use. */
function saved(which: Case): string {
  const lines = TABLES.flatMap((table) => run(tool(which, '-save'), '-t', table).split('\n'));
  return lines
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.replace(/\[\d+:\d+\]/, ''))
    .join('\n');
}

function reset(): void {
  for (const which of CASES) {
    for (const table of TABLES) {
      run(tool(which, ''), '-t', table, '-F');
      run(tool(which, ''), '-t', table, '-X');
    }
  }
}

async function ok(result: Promise<SyncResult>): Promise<SyncResult> {
  const settled = await result;
  expect(settled.error).toBeUndefined();
  return settled;
}

function services(count: number): readonly DesiredServicePort[] {
  return Array.from({ length: count }, (_, index) => sampleService({ index }));
}

beforeEach(reset);
afterEach(reset);

describe.each(CASES)('iptables, $variant variant, $family', (which) => {
  const { variant, family } = which;
  const driverOf = (): IptablesDriver => createExecDriver({ family, variant, lockWait: 1 });
  const backendOf = (): Backend => createIptablesBackend({ family, driver: driverOf() });
  const state: DesiredState = everyKind(family);

  it.each([
    ['a small', 10],
    ['a large', 2000],
  ])('lists every kind of rule of %s cluster exactly as it was written', async (_, endpoints) => {
    const sized = { ...state, counts: { ...state.counts, endpoints } };
    await ok(backendOf().sync(fullChange(sized)));
    const listed = parseSave(run(tool(which, '-save'))).nat;
    expect(listed.chains.size).toBeGreaterThan(10);
    expect(await backendOf().observe()).toEqual({ outcome: 'ok', drift: [] });
    const again = await ok(backendOf().sync(fullChange(sized)));
    expect(again.counters).toMatchObject({ restores: 0, chainsWritten: 0 });
  });

  if (variant === 'nft')
    it('lists chains in pieces as in one, without a commit of its own', async () => {
      await ok(backendOf().sync(fullChange(state)));
      const driver = driverOf();
      const before = await driver.otherCommits?.();
      for (const table of TABLES) {
        const whole = parseSave(run(tool(which, '-save'), '-t', table))[table].chains;
        const lines: string[] = [];
        const names = [...whole.keys()].toReversed();
        const listed = await driver.saveChains?.(table, [...names, 'KUBE-GONE'], (line) => lines.push(line));
        expect(listed).toEqual({ ok: true, value: null });
        const pieces = parseSave(lines.join('\n'))[table].chains;
        expect([...pieces.keys()]).toEqual([...names, 'KUBE-GONE']);
        for (const [name, rules] of whole) expect(pieces.get(name), name).toEqual(rules);
        expect(pieces.get('KUBE-GONE')).toEqual([UNLISTED_RULE]);
      }
      expect(await driver.otherCommits?.()).toEqual(before);
      await driver.close();
    });

  it('finds everything as it was written, and repairs changes that were not reported', async () => {
    const nothing = changeBetween(state, state);
    const untouched = backendOf();
    await ok(untouched.sync(fullChange(state)));
    expect(await ok(untouched.sync(nothing))).toMatchObject({ scope: 'none', repaired: [] });
    const before = saved(which).split('\n').toSorted();
    for (const words of [
      '-t filter -F',
      '-t nat -F',
      '-t nat -D OUTPUT 1',
      '-t filter -D FORWARD 1',
      '-t nat -F KUBE-MARK-MASQ',
      '-t nat -I KUBE-SERVICES 1 -m mark --mark 0x99 -j RETURN',
    ]) {
      const backend = backendOf();
      expect((await ok(backend.sync(fullChange(state)))).counters).toMatchObject({ restores: 0 });
      run(tool(which, ''), ...words.split(' '));
      expect(saved(which).split('\n').toSorted()).not.toEqual(before);
      expect((await ok(backend.sync(nothing))).repaired, words).not.toEqual([]);
      expect(saved(which).split('\n').toSorted(), words).toEqual(before);
    }
  });

  it('adopts existing rules without writing, and then finds the change of another process', async () => {
    const first = backendOf();
    await ok(first.sync(fullChange(state)));
    const before = saved(which);
    const second = backendOf();
    expect((await ok(second.sync(fullChange(state)))).counters).toMatchObject({ restores: 0 });
    expect(saved(which)).toBe(before);
    run(tool(which, ''), '-t', 'nat', '-F', 'KUBE-SERVICES');
    run(tool(which, ''), '-t', 'filter', '-F', 'FORWARD');
    const seen = await second.observe();
    expect(
      seen.outcome === 'ok'
        ? seen.drift.map(({ type, within, name }) => (type === 'rule' ? within : `${within} ${name}`))
        : seen,
    ).toEqual(['nat KUBE-SERVICES', 'filter FORWARD', 'filter FORWARD', 'filter FORWARD', 'filter FORWARD']);
    const repaired = await ok(second.sync(fullChange(state)));
    expect(repaired.repaired).toHaveLength(5);
    expect(await second.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('removes everything that it wrote, and leaves all other rules byte for byte', async () => {
    run(tool(which, ''), '-N', 'MINE');
    run(tool(which, ''), '-A', 'FORWARD', '-m', 'comment', '--comment', 'to my own', '-j', 'MINE');
    run(tool(which, ''), '-A', 'MINE', '-p', 'tcp', '-m', 'multiport', '--dports', '22,2222', '-j', 'ACCEPT');
    run(tool(which, ''), '-t', 'mangle', '-N', 'KUBE-KUBELET-CANARY');
    const before = saved(which);
    const backend = backendOf();
    await ok(backend.sync(fullChange(state)));
    expect(saved(which)).toContain('to my own');
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    const shared = saved(which)
      .split('\n')
      .filter((line) => line.includes('KUBE-FIREWALL'));
    // Shared with kubelet, and it guards what the sysctl opens: kube-proxy leaves it, too.
    expect(shared).toHaveLength(family === 'IPv4' ? 4 : 0);
    expect(
      saved(which)
        .split('\n')
        .filter((line) => !shared.includes(line))
        .join('\n'),
    ).toBe(before);
    expect(await backend.cleanup()).toEqual({ outcome: 'ok', removed: [] });
  });
});

describe.each([CASES[0], CASES[2]] as readonly Case[])('iptables, $variant variant', (which) => {
  const { variant, family } = which;
  const backendOf = (): Backend =>
    createIptablesBackend({ family, driver: createExecDriver({ family, variant, lockWait: 1 }) });

  it('S62: writes nothing but the chains that changed', async () => {
    const many = sampleState(services(300));
    const backend = backendOf();
    await ok(backend.sync(fullChange(many)));
    const before = saved(which).split('\n');
    const moved = sampleService({ index: 77, endpoints: sampleEndpoints(77, 2, 9090) });
    const next = sampleState(
      [...many.servicePorts.values()].map((each) => (each.key === moved.key ? moved : each)),
    );
    const result = await ok(backend.sync(changeBetween(many, next)));
    expect(result).toMatchObject({
      scope: 'partial',
      counters: { chainsWritten: 3, chainsRemoved: 2, restores: 1 },
    });
    const after = new Set(saved(which).split('\n'));
    const lost = before.filter((line) => !after.has(line));
    expect(lost.length).toBeLessThanOrEqual(10);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('adds and removes services through splits and merges of the dispatch tree', async () => {
    const backend = backendOf();
    const sizes = [10, 40, 400, 20, 0];
    let before = sampleState([]);
    await ok(backend.sync(fullChange(before)));
    for (const size of sizes) {
      const after = sampleState(services(size));
      await ok(backend.sync(changeBetween(before, after)));
      expect(await backend.observe(), `${size} services`).toEqual({ outcome: 'ok', drift: [] });
      before = after;
    }
  });

  it('returns an error with the line for a rule that the kernel refuses, and changes nothing', async () => {
    const driver = createExecDriver({ family, variant });
    const before = saved(which);
    const result = await driver.restore('*nat\n:KUBE-SEP-X - [0:0]\n-A KUBE-SEP-X -j NOWHERE\nCOMMIT\n');
    expect(result).toMatchObject({ ok: false, error: { code: 'rejected', kernel: 'unchanged' } });
    expect(result.ok ? '' : result.error.detail).toContain('-A KUBE-SEP-X -j NOWHERE');
    expect(saved(which)).toBe(before);
  });
});

describe.each(['nft', 'legacy'] as const)('rules that this kernel refuses, %s variant', (variant) => {
  const which: Case = { variant, family: 'IPv4' };

  it('affect only the service that needs them, until it no longer does', async () => {
    const driver = createExecDriver({ family: 'IPv4', variant });
    // Rules that count name an object that does not exist; only node ports on localhost have such rules.
    const options = { family: 'IPv4', driver, accounting: true, conntrackLiberal: true } as const;
    const backend = createIptablesBackend(options);
    const node = { ...SAMPLE_NODE, nodePortAddresses: { kind: 'any-local', loopback: true } } as const;
    const plain = services(40);
    const nodePort = { kind: 'node-port', port: 30_777, policy: 'cluster' } as const;
    const counted = sampleService({
      index: 50,
      frontends: [{ ...nodePort, routes: TO_CLUSTER_MASQUERADED }],
    });
    const before = sampleState([...plain, counted], node);
    const first = await backend.sync(fullChange(before));
    expect(first).toMatchObject({ outcome: 'partial', failures: [{ key: counted.key }] });
    expect(first.failures[0]?.error).toMatchObject({ code: 'rejected' });
    expect(saved(which)).not.toMatch(/30777|KUBE-PROXY-PROBE/);
    expect(saved(which)).toContain('shop/service-39:http');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    const after = sampleState([...plain, sampleService({ index: 50 })], node);
    await ok(backend.sync(changeBetween(before, after)));
    expect(saved(which)).toContain('shop/service-50:http');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('the lock of the legacy variant', () => {
  it('held by another process makes the sync fail as busy, and the next sync succeeds', async () => {
    const driver = createExecDriver({ family: 'IPv4', variant: 'legacy', lockWait: 1 });
    const backend = createIptablesBackend({ family: 'IPv4', driver });
    const state = sampleState(services(3));
    await ok(backend.sync(fullChange(state)));
    const holder = spawn('flock', ['/run/xtables.lock', 'sh', '-c', 'echo held; read line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const more = sampleState(services(4));
    const failed = await backend.sync(changeBetween(state, more));
    await release(holder);
    expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'busy', kernel: 'unchanged' } });
    const caught = await ok(backend.sync(changeBetween(more, more)));
    expect(caught.scope).toBe('partial');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

async function release(holder: ChildProcess): Promise<void> {
  const gone = once(holder, 'close');
  holder.stdin?.end('\n');
  await gone;
}

describe.each(['IPv4', 'IPv6'] as const)('the watch of the nft variant, %s', (family) => {
  const tables = family === 'IPv4' ? 'iptables-nft' : 'ip6tables-nft';
  const state = everyKind(family);

  it.each([
    ['nft', ['flush', 'ruleset']],
    [tables, ['-t', 'nat', '-F']],
    [tables, ['-t', 'filter', '-F', 'INPUT']],
    [tables, ['-t', 'nat', '-F', 'KUBE-MARK-MASQ']],
    [tables, ['-t', 'nat', '-D', 'KUBE-SERVICES', '1']],
  ])('reports that another process ran %s %s, and the next sync repairs it', async (command, args) => {
    const world = watched(family);
    await ok(world.backend.sync(fullChange(state)));
    run(command, ...args);
    expect(await world.next()).toMatch(/table (nat|filter|mangle)/);
    const repaired = await ok(world.backend.sync(changeBetween(state, state)));
    expect(repaired.scope).toBe('full');
    expect(repaired.repaired.length).toBeGreaterThan(0);
    expect(await world.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    world.stop();
  });

  it('neither verifies nor reports what this process writes, in either family', async () => {
    const world = watched(family);
    const other = watched(family === 'IPv4' ? 'IPv6' : 'IPv4');
    await ok(world.backend.sync(fullChange(state)));
    const otherState = everyKind(other.backend.family);
    await ok(other.backend.sync(fullChange(otherState)));
    await world.polls(2);
    const before = world.saves();
    const [without, otherWithout] = [withoutLast(state), withoutLast(otherState)];
    for (const [change, otherChange] of [
      [changeBetween(state, without), changeBetween(otherState, otherWithout)],
      [changeBetween(without, state), changeBetween(otherWithout, otherState)],
    ] as const) {
      await Promise.all([ok(world.backend.sync(change)), ok(other.backend.sync(otherChange))]);
      await world.polls(2);
    }
    expect(world.saves()).toBe(before);
    expect([...world.heard, ...other.heard]).toEqual([]);
    world.stop();
    other.stop();
  });
});

function withoutLast(state: DesiredState): DesiredState {
  const servicePorts = new Map(state.servicePorts);
  for (const key of [...servicePorts.keys()].slice(-1)) servicePorts.delete(key);
  return { ...state, servicePorts };
}

interface Watched {
  readonly backend: Backend;
  readonly heard: string[];
  readonly saves: () => number;
  /** The next report. */
  readonly next: () => Promise<string>;
  /** Waits for this number of replies to the query for commits. */
  readonly polls: (count: number) => Promise<void>;
  readonly stop: () => void;
}

function watched(family: Family): Watched {
  const exec = createExecDriver({ family, variant: 'nft' });
  const seen = { saves: 0, polls: 0 };
  const waiters = new Set<() => void>();
  const driver: IptablesDriver = {
    ...exec,
    save(onLine) {
      seen.saves++;
      return exec.save(onLine);
    },
    async otherCommits() {
      const answer = await exec.otherCommits?.();
      seen.polls++;
      for (const check of waiters) check();
      return answer ?? { kind: 'writing' };
    },
  };
  // The interval is so long that only the count of commits can cause the report.
  const backend = createIptablesBackend({ family, driver, checkInterval: 3_600_000 });
  const heard: string[] = [];
  const stop = backend.watch?.((what) => {
    heard.push(what);
    for (const check of waiters) check();
  });
  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isDone()) return;
        waiters.delete(check);
        resolve();
      };
      waiters.add(check);
      check();
    });
  return {
    backend,
    heard,
    saves: () => seen.saves,
    async next() {
      await until(() => heard.length > 0);
      return heard[0] ?? '';
    },
    polls(count) {
      const enough = seen.polls + count;
      return until(() => seen.polls >= enough);
    },
    stop: () => stop?.(),
  };
}
