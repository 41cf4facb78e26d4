/** After any changes, failures and interference the kernel converges to what a new process would have written. */
import type {
  DesiredChange,
  DesiredEndpoint,
  DesiredServicePort,
  DesiredState,
  Frontend,
  SyncResult,
} from '@signalbox/core';
import { fullChange } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { seededRandom } from '@signalbox/testkit';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import {
  changeBetween,
  clusterIP,
  REFUSED,
  SAMPLE_NODE,
  sampleEndpoints,
  sampleService,
  sampleState,
  TO_CLUSTER,
  TO_CLUSTER_MASQUERADED,
} from '../testing/sample-state.ts';

type Random = () => number;

const POOL = 120;
const STEPS = 8;

function pick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[Math.floor(random() * list.length)] ?? list[0];
}

function randomService(random: Random, index: number): DesiredServicePort {
  const refused = random() < 0.3;
  const outside = refused ? REFUSED : TO_CLUSTER_MASQUERADED;
  const vip = `203.0.113.${index}`;
  const sourceRanges = pick(random, [null, { cidrs: ['198.51.100.0/24'], alsoAddresses: [] }]);
  const more: readonly Frontend[] = [
    { kind: 'node-port', port: 30_000 + index * 3, policy: 'cluster', routes: outside },
    { kind: 'load-balancer', address: vip, port: 80, policy: 'cluster', routes: outside, sourceRanges },
  ];
  const frontends = [clusterIP(index, refused ? REFUSED : TO_CLUSTER), ...more.filter(() => random() < 0.5)];
  const endpoints = refused
    ? []
    : sampleEndpoints(index, 1 + Math.floor(random() * 3), 8000 + Math.floor(random() * 3)).map(onItsNode);
  return sampleService({ index, endpoints, frontends, ...(random() < 0.3 ? { affinitySeconds: 60 } : {}) });
}

/** An address is always on the same node: for an endpoint that moves to another node, a redundant rule may remain. */
function onItsNode(endpoint: DesiredEndpoint): DesiredEndpoint {
  return { ...endpoint, isLocal: /[02468]$/.test(endpoint.address) };
}

function mutate(random: Random, state: DesiredState): DesiredState {
  const services = new Map(state.servicePorts);
  const share = pick(random, [0.01, 0.05, 0.5]);
  for (let index = 0; index < POOL; index++) {
    if (random() >= share) continue;
    const service = randomService(random, index);
    if (random() < 0.4) services.delete(service.key);
    else services.set(service.key, service);
  }
  const cidrs = pick(random, [['10.244.0.0/16'], ['10.244.0.0/17', '10.244.128.0/17']]);
  const detector = { kind: 'cidrs', cidrs } as const;
  const node = random() < 0.1 ? { ...SAMPLE_NODE, localDetector: detector } : state.node;
  const { counts, ...rest } = sampleState([...services.values()], node);
  // Crossing the limit of S52 changes every service's rules.
  const endpoints = random() < 0.2 ? pick(random, [500, 2000]) : state.counts.endpoints;
  return { ...rest, counts: { ...counts, endpoints } };
}

/** A change by another process: a chain emptied, a jump removed. */
function interfere(random: Random, fake: FakeIptables): void {
  const chains = [...fake.kernel.table('nat').keys()].filter((name) => name.startsWith('KUBE-'));
  const victim = chains[Math.floor(random() * chains.length)];
  if (victim !== undefined) fake.byOthers(`*nat\n-F ${victim}\nCOMMIT\n`);
}

const content = (fake: FakeIptables): readonly string[] => fake.dumpAll().split('\n').toSorted();

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Time for the watch to count commits and to verify, failures included. */
async function watchFor(clock: ManualClock): Promise<void> {
  for (let round = 0; round < 4; round++) {
    clock.advance(250);
    await settled();
  }
}

interface Watched {
  readonly heard: string[];
  /** Another process has altered rules since the last sync that succeeded. */
  isDisturbed: boolean;
  /** The last sync left something undone. */
  isFailing: boolean;
}

/** Checks the work besides the result: no own change is reported as one by another process, and no comparison is made without cause. */
function expectNoNeedlessWork(
  watched: Watched,
  { change, result }: { readonly change: DesiredChange; readonly result: SyncResult },
  seed: number,
): void {
  if (watched.isDisturbed) return;
  const isPlain = change.kind === 'incremental' && !watched.isFailing && result.outcome === 'ok';
  if (isPlain && result.counters['restoreFailures'] === 0)
    expect(result.scope, `seed ${seed}`).not.toBe('full');
  expect(result.repaired, `seed ${seed}`).toEqual([]);
  expect(watched.heard, `seed ${seed}`).toEqual([]);
}

async function run(seed: number, variant: 'nft' | 'legacy'): Promise<void> {
  const random = seededRandom(seed);
  const trouble = { rate: 0.25 };
  const fake = createFakeIptables({ family: 'IPv4', variant, faults: () => random() < trouble.rate });
  const clock = createManualClock();
  const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver, clock });
  const watched: Watched = { heard: [], isDisturbed: false, isFailing: true };
  const stop = backend.watch?.((what) => watched.heard.push(what));
  // Before the first successful sync nothing is guarded.
  const guarded = { now: false };
  let state = mutate(random, sampleState([]));
  await backend.sync(fullChange(state));
  for (let step = 0; step < STEPS; step++) {
    const next = mutate(random, state);
    const change = random() < 0.1 ? fullChange(next) : changeBetween(state, next);
    const result = await backend.sync(change);
    state = next;
    expectNoNeedlessWork(watched, { change, result }, seed);
    watched.isFailing = result.outcome !== 'ok';
    if (result.outcome === 'ok') {
      guarded.now = true;
      if (result.scope === 'full') watched.isDisturbed = false;
      if (!watched.isDisturbed) watched.heard.length = 0;
    }
    // The legacy variant counts no commits: interference is found by the next full comparison only.
    if (variant === 'nft' && guarded.now && random() < 0.3) {
      interfere(random, fake);
      watched.isDisturbed = true;
    }
    await watchFor(clock);
  }
  trouble.rate = 0;
  await watchFor(clock);
  const last = await backend.sync(changeBetween(state, state));
  stop?.();
  expect(last.error, `seed ${seed}`).toBeUndefined();
  expect(await backend.observe(), `seed ${seed}`).toEqual({ outcome: 'ok', drift: [] });
  const fresh = createFakeIptables({ family: 'IPv4', variant });
  await createIptablesBackend({ family: 'IPv4', driver: fresh.driver }).sync(fullChange(state));
  expect(content(fake), `seed ${seed}`).toEqual(content(fresh));
}

describe.each(['nft', 'legacy'] as const)('convergence, %s variant', (variant) => {
  it('succeeds under random changes, failures and interference', async () => {
    for (let seed = 1; seed <= 25; seed++) await run(seed, variant);
  }, 120_000);
});
