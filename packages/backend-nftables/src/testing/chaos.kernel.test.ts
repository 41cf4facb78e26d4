/** Other processes damage the table, commit to their own, and the backend restarts, at random: the result is that of a fresh start. */
import { execFileSync } from 'node:child_process';
import { env } from 'node:process';
import { changeBetween, sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { type Backend, type DesiredState, FAMILIES, type Family, fullChange } from '@signalbox/core';
import { seededRandom } from '@signalbox/testkit';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { setDeclarations } from '../compile/sets.ts';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import { nftFamily } from '../encode/rule-expressions.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { snapshotText } from './snapshot.ts';

const nft = (...args: readonly string[]): string =>
  execFileSync('nft', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
/** For a minute in place of a second: `CHAOS_ROUNDS=2000 npm run kernel -- chaos`. */
const ROUNDS = Number(env['CHAOS_ROUNDS'] ?? 40);
const SERVICES = 30;
/** Milliseconds, of a bound for hangs. */
const PATIENCE = 30_000;
const ROUND_LIMIT = 3000;

const OTHERS =
  'table inet firewall { set blocked { type ipv4_addr; elements = { 203.0.113.99 } }; chain input { ip saddr @blocked drop; }; }';
const addOthers = (): string => execFileSync('nft', ['-f', '-'], { input: OTHERS, encoding: 'utf8' });
const others = (): string => nft('list', 'table', 'inet', 'firewall');

beforeEach(() => void nft('flush', 'ruleset'));
afterAll(() => void nft('flush', 'ruleset'));

function randomState(family: Family, random: () => number): DesiredState {
  const ports = Array.from({ length: SERVICES }, (_, index) =>
    sampleServicePort(family, {
      index,
      endpoints: Math.floor(random() ** 3 * 40),
      ...(random() < 0.3 ? { exposed: random() < 0.5 ? 'cluster' : 'local' } : {}),
      ...(random() < 0.2 ? { affinitySeconds: 60 } : {}),
    } as const),
  );
  return sampleStateOf(family, ports);
}

/** What another process may do; each names chains and sets of the table. */
function damages(family: Family, random: () => number): readonly (() => unknown)[] {
  const ip = nftFamily(family);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const chain = (): string =>
    pick(['services', 'nat-prerouting', 'masquerading', 'cluster-ips-check', 'pick/4', 'filter-input']);
  const map = (): string =>
    pick(['service-ips', 'cluster-endpoints', 'service-nodeports', 'no-endpoint-services']);
  const element = (): void => {
    const set = map();
    const listed = nft('list', 'map', ip, 'kube-proxy', set).replaceAll(
      / counter packets \d+ bytes \d+/g,
      '',
    );
    const [, elements = ''] = /elements = \{(.*)\}/s.exec(listed) ?? [];
    const first = elements.split(',')[0]?.split(' : ')[0]?.trim() ?? '';
    if (first !== '') nft('delete', 'element', ip, 'kube-proxy', set, `{ ${first} }`);
  };
  const range =
    family === 'IPv4' ? '10.9.9.9 . tcp . 80 . 10.0.0.3-10.0.0.9' : 'fd00::9 . tcp . 80 . fd00::3-fd00::9';
  const slot =
    family === 'IPv4'
      ? '10.9.9.9 . tcp . 80 . 70000 : 10.9.9.8 . 1'
      : 'fd00::9 . tcp . 80 . 70000 : fd00::8 . 1';
  const tool = family === 'IPv4' ? 'iptables-nft' : 'ip6tables-nft';
  return [
    () => nft('flush', 'ruleset'),
    () => nft('delete', 'table', ip, 'kube-proxy'),
    () => nft('flush', 'map', ip, 'kube-proxy', map()),
    () => nft('flush', 'chain', ip, 'kube-proxy', chain()),
    element,
    element,
    () => nft('add', 'rule', ip, 'kube-proxy', chain(), 'counter'),
    () => nft('insert', 'rule', ip, 'kube-proxy', chain(), 'accept'),
    () => nft('add', 'chain', ip, 'kube-proxy', 'other', '{ counter; }'),
    () => nft('add', 'chain', ip, 'kube-proxy', 'filter-input', '{ policy drop; }'),
    () => nft('add', 'element', ip, 'kube-proxy', 'service-nodeports', '{ dccp . 443 : drop }'),
    () => nft('add', 'element', ip, 'kube-proxy', 'source-ranges', `{ ${range} }`),
    () => nft('add', 'element', ip, 'kube-proxy', 'cluster-endpoints', `{ ${slot} }`),
    () => nft('add', 'table', ip, 'kube-proxy', '{ flags dormant; }'),
    () => nft('add', 'rule', ip, 'kube-proxy', 'other', 'jump', 'pick/4'),
    () => nft('add', 'set', ip, 'kube-proxy', 'their-set', '{ type mark; }'),
    () => execFileSync(tool, ['-w', '-A', 'FORWARD', '-j', 'ACCEPT']),
    () => nft('add', 'table', 'inet', 'their-table'),
  ];
}

interface Run {
  readonly backend: Backend;
  state: DesiredState;
  /** Syncs run one after the other. */
  last: Promise<unknown>;
  readonly stop: () => void;
}

function change(run: Run, after: DesiredState): Promise<unknown> {
  const before = run.state;
  run.state = after;
  run.last = run.last.then(() => run.backend.sync(changeBetween(before, after)));
  return run.last;
}

async function end({ stop, last, backend }: Run): Promise<void> {
  stop();
  await last;
  await backend.close();
}

/** A backend that is asked to sync as soon as it reports drift, as the proxy does. */
async function start(family: Family, state: DesiredState): Promise<Run> {
  const backend = createNftablesBackend({ family, pollInterval: 20 });
  expect(await backend.sync(fullChange(state))).toMatchObject({ outcome: 'ok' });
  const stop = backend.watch?.(() => void change(run, run.state)) ?? (() => undefined);
  const run: Run = { backend, state, last: Promise.resolve(), stop };
  return run;
}

async function snapshot(family: Family): Promise<string> {
  const driver = createNetlinkDriver({ family });
  const capabilities = { concatenatedIntervals: true, elementCounters: true, clientHash: true };
  const observed = await driver.observe(setDeclarations({ family, nodePorts: 'any-local', capabilities }));
  driver.close();
  if (!observed.ok) throw new Error(observed.error.message);
  const chains = [...observed.value.chains].map(
    ([name, { rules, base }]) => [name, [JSON.stringify(base), ...rules]] as const,
  );
  const sets = [...observed.value.sets].map((entry) => JSON.stringify(entry)).toSorted(byText);
  return `${snapshotText({ chains, elements: observed.value.elements.bySet })}\n${sets.join('\n')}`;
}

function byText(one: string, other: string): number {
  return one < other ? -1 : 1;
}

/** Damage that does not apply, such as an element of a table that is gone, is none. */
function attempt(damage: () => unknown): void {
  try {
    damage();
  } catch {
    // Nothing happened.
  }
}

describe.each(FAMILIES)('damage by other processes at random, %s', (family) => {
  it(
    'is repaired; the tables of others stay as they are',
    async () => {
      const random = seededRandom(20_261_130);
      let run = await start(family, randomState(family, random));
      const all = damages(family, random);
      for (let round = 0; round < ROUNDS; round++) {
        for (let count = Math.ceil(random() * 3); count > 0; count--)
          attempt(all[Math.floor(random() * all.length)] as () => unknown);
        attempt(addOthers);
        const untouched = others();
        const next = random() < 0.5 ? randomState(family, random) : run.state;
        if (random() < 0.2) {
          await end(run);
          run = await start(family, next);
        } else await change(run, next);
        const { backend } = run;
        await expect
          .poll(() => backend.observe(), { timeout: PATIENCE, interval: 20 })
          .toEqual({ outcome: 'ok', drift: [] });
        expect(others()).toBe(untouched);
      }
      const after = await snapshot(family);
      await end(run);
      nft('flush', 'ruleset');
      const fresh = createNftablesBackend({ family });
      expect(await fresh.sync(fullChange(run.state))).toMatchObject({ outcome: 'ok' });
      expect(after).toBe(await snapshot(family));
      await fresh.close();
    },
    PATIENCE + ROUNDS * ROUND_LIMIT,
  );
});
