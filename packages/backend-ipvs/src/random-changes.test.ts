/** Whatever happens to a cluster, and whatever fails: the kernel ends as if the last state had been its first. */
import { backendError, servicePortKey, type Backend, type DesiredServicePort } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { randomFaults, seededRandom } from '@signalbox/testkit';
import { describe, expect, it } from 'vitest';
import { createIpvsBackend } from './ipvs-backend.ts';
import { change, full, NOTHING_NEW, service, type ServiceShape } from './testing/cluster.ts';
import { dumpKernel } from './testing/dump.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';
import { faultyDriver } from './testing/faulty-driver.ts';

const HOST = ['127.0.0.1', '192.0.2.10', '192.0.2.11'];
const PODS = ['10.244.1.2', '10.244.1.3', '10.244.2.2', '10.244.2.3', '10.244.3.2'];
const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const STEPS = 25;

type Random = () => number;

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Few names, addresses and ports, so that services get into each other's way (S28). */
function randomShape(random: Random): ServiceShape {
  const index = Math.floor(random() * 5);
  const maybe = <T>(value: T): T | undefined => (random() < 0.4 ? value : undefined);
  return {
    name: `s${index}`,
    clusterIP: `10.96.0.${10 + index}`,
    protocol: pick(random, ['TCP', 'TCP', 'UDP', 'SCTP']),
    port: pick(random, [80, 81]),
    endpoints: PODS.filter(() => random() < 0.4),
    externalPolicy: pick(random, ['cluster', 'local']),
    internalPolicy: pick(random, ['cluster', 'cluster', 'local']),
    externalIPs: random() < 0.4 ? [pick(random, ['203.0.113.1', '203.0.113.2', '192.0.2.10'])] : [],
    loadBalancerIPs: random() < 0.4 ? [pick(random, ['203.0.113.3', '203.0.113.4'])] : [],
    ...optional('nodePort', maybe(pick(random, [30_080, 30_081]))),
    ...optional('affinitySeconds', maybe(pick(random, [600, 10_800]))),
    ...optional(
      'sourceRanges',
      maybe({ cidrs: ['198.51.100.0/24', '192.0.2.10/32'], alsoAddresses: ['203.0.113.3'] }),
    ),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}

type Cluster = Map<string, DesiredServicePort>;

/** One to three services are added, changed or removed in one change. */
function randomChange(random: Random, cluster: Cluster): ReturnType<typeof change> {
  const before = new Map(cluster);
  for (let count = 1 + Math.floor(random() * 3); count > 0; count -= 1) {
    const next = service(randomShape(random));
    if (random() < 0.3) cluster.delete(servicePortKey(next.name));
    else cluster.set(next.key, next);
  }
  const keys = [...new Set([...before.keys(), ...cluster.keys()])].filter(
    (key) => before.get(key) !== cluster.get(key),
  );
  const of = (from: Cluster, key: string): readonly DesiredServicePort[] => [from.get(key) ?? []].flat();
  return change('incremental', {
    added: keys.filter((key) => !before.has(key)).flatMap((key) => of(cluster, key)),
    removed: keys.filter((key) => !cluster.has(key)).flatMap((key) => of(before, key)),
    changed: keys.flatMap((key) => {
      const [old] = of(before, key);
      const [now] = of(cluster, key);
      return old && now ? [[old, now] as const] : [];
    }),
  });
}

function fakeBackend(kernel: FakeKernel, seed?: number): Backend {
  const { driver } = createFakeIpvs({ family: 'IPv4', kernel });
  const faulty = seed === undefined ? driver : faultyDriver(driver, randomFaults(0.1, seed));
  return createIpvsBackend({ family: 'IPv4', driver: faulty, clock: createManualClock() });
}

async function fromScratch(cluster: Cluster): Promise<string> {
  const kernel = createFakeKernel({ hostAddresses: HOST });
  await fakeBackend(kernel).sync(full(...cluster.values()));
  return dumpKernel(kernel, 'IPv4');
}

async function converge(backend: Backend, first: ReturnType<typeof change>): Promise<void> {
  let result = await backend.sync(first);
  for (let attempt = 0; attempt < 50 && result.outcome !== 'ok'; attempt += 1)
    result = await backend.sync(NOTHING_NEW);
  expect(result.outcome, JSON.stringify(result)).toBe('ok');
}

describe.each(SEEDS)('random changes, seed %i', (seed) => {
  it('one by one: as if from scratch after each', async () => {
    const random = seededRandom(seed);
    const kernel = createFakeKernel({ hostAddresses: HOST });
    const backend = fakeBackend(kernel);
    const cluster: Cluster = new Map();
    await converge(backend, full());
    for (let step = 0; step < STEPS; step += 1) {
      const result = await backend.sync(randomChange(random, cluster));
      expect(result, `step ${step}`).toMatchObject({ outcome: 'ok' });
      expect(result.scope, `step ${step}`).not.toBe('full');
      expect(dumpKernel(kernel, 'IPv4'), `step ${step}`).toBe(await fromScratch(cluster));
    }
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('one write in ten failing: as if from scratch in the end, and nothing is left after cleanup', async () => {
    const random = seededRandom(seed);
    const kernel = createFakeKernel({ hostAddresses: HOST });
    const empty = dumpKernel(kernel, 'IPv4');
    const backend = fakeBackend(kernel, seed);
    const cluster: Cluster = new Map();
    await backend.sync(full());
    for (let step = 0; step < STEPS; step += 1) await backend.sync(randomChange(random, cluster));
    await converge(backend, NOTHING_NEW);
    expect(dumpKernel(kernel, 'IPv4')).toBe(await fromScratch(cluster));
    let cleaned = await backend.cleanup();
    for (let attempt = 0; attempt < 50 && cleaned.outcome !== 'ok'; attempt += 1)
      cleaned = await backend.cleanup();
    expect(cleaned).toMatchObject({ outcome: 'ok' });
    expect(dumpKernel(kernel, 'IPv4')).toBe(empty);
  });

  it('a restart in between changes nothing', async () => {
    const random = seededRandom(seed);
    const kernel = createFakeKernel({ hostAddresses: HOST });
    const cluster: Cluster = new Map();
    for (let step = 0; step < 5; step += 1) {
      randomChange(random, cluster);
      await converge(fakeBackend(kernel), full(...cluster.values()));
      expect(dumpKernel(kernel, 'IPv4'), `step ${step}`).toBe(await fromScratch(cluster));
    }
  });
});

it('an entry that is refused costs only itself', async () => {
  const kernel = createFakeKernel({ hostAddresses: HOST });
  const { driver } = createFakeIpvs({ family: 'IPv4', kernel });
  const refusing: typeof driver = {
    ...driver,
    apply: async (operations) => {
      const results = await driver.apply(operations);
      return results.map((failures, index) => {
        const operation = operations[index];
        if (operation?.kind !== 'set-add' || operation.set !== 'KUBE-CLUSTER-IP') return failures;
        const error = backendError('rejected', 'IPSET_CMD_ADD', 'no', { kernel: 'unchanged' });
        return operation.entries.flatMap((entry, at) =>
          entry.kind === 'address-port' && entry.address === '10.96.0.11' ? [{ error, index: at }] : [],
        );
      });
    },
  };
  const backend = createIpvsBackend({ family: 'IPv4', driver: refusing });
  const services = [10, 11, 12].map((last) => service({ name: `s${last}`, clusterIP: `10.96.0.${last}` }));
  const result = await backend.sync(full(...services));
  expect(result.outcome).toBe('partial');
  expect(result.failures.map(({ key }) => key)).toEqual(['shop/s11:/TCP']);
  expect([...kernel.servers.keys()]).toHaveLength(3);
});
