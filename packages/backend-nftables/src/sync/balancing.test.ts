/** Load balancing as packets meet it: shares, clients that keep their endpoint, and Services whose annotation changes. */
import { changeBetween } from '@signalbox/backend-kit/testing';
import {
  clusterIP,
  desiredState,
  fullChange,
  type BalancingAlgorithm,
  type DesiredState,
} from '@signalbox/core';
import { atStart } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import type { Operation } from '../objects/operation.ts';
import { evaluateChain } from '../testing/evaluate-rules.ts';
import { createFakeNftables, type FakeNftables } from '../testing/fake-nftables.ts';
import { emptyTable } from '../testing/fake-table.ts';
import { createNftablesBackend } from './nftables-backend.ts';

const VIP = '10.96.0.10';
const endpoint = (number: number): string => `10.244.1.${number}:8080`;

interface Shape {
  readonly endpoints: readonly number[];
  readonly balancing?: BalancingAlgorithm;
  readonly weights?: Readonly<Record<number, number>>;
}

function stateOf({ endpoints, weights = {}, ...options }: Shape): DesiredState {
  const byText = Object.entries(weights).map(([number, weight]) => [endpoint(Number(number)), weight]);
  const given = { ...options, weights: Object.fromEntries(byText) as Record<string, number> };
  return desiredState('IPv4', [clusterIP(`${VIP}:80`, endpoints.map(endpoint), given)]);
}

async function synced(shape: Shape): Promise<FakeNftables> {
  const fake = createFakeNftables({ family: 'IPv4' });
  const backend = createNftablesBackend({ family: 'IPv4', driver: fake.driver });
  expect(await backend.sync(fullChange(stateOf(shape)))).toMatchObject({ outcome: 'ok' });
  return fake;
}

/** Endpoint → share of the connections of this client; `drop` and others for those that reach none. */
function sharesOf({ table }: FakeNftables, source: string): ReadonlyMap<string, number> {
  const evaluation = { table: table ?? emptyTable(), addresses: [], chance: 'all', memory: null } as const;
  const packet = {
    protocol: 'TCP',
    source,
    inInterface: 'eth0',
    destination: VIP,
    destinationPort: 80,
  } as const;
  const start = { verdict: 'continue', packet: atStart(packet), probability: 1 } as const;
  const shares = new Map<string, number>();
  for (const { verdict, packet: at, probability } of evaluateChain(evaluation, 'nat-prerouting', start)) {
    const where = at.translated ? at.destination : verdict;
    shares.set(where, (shares.get(where) ?? 0) + probability);
  }
  return shares;
}

function endpointFor(fake: FakeNftables, client: string): string {
  const [only, ...more] = sharesOf(fake, client).keys();
  expect(more).toEqual([]);
  return only ?? '';
}

const CLIENTS = Array.from({ length: 10_000 }, (_, index) => `198.51.${index >> 8}.${index & 0xff}`);

describe('weights', () => {
  it('S14: are the shares of new connections, to a thousandth', async () => {
    const fake = await synced({ endpoints: [1, 2, 3], weights: { 1: 30, 2: 20, 3: 10 } });
    const shares = sharesOf(fake, '198.51.100.7');
    for (const [number, share] of [
      [1, 3 / 6],
      [2, 2 / 6],
      [3, 1 / 6],
    ] as const) {
      expect(shares.get(`10.244.1.${number}`)).toBeGreaterThan(share - 0.001);
      expect(shares.get(`10.244.1.${number}`)).toBeLessThan(share + 0.001);
    }
  });

  it('S14: that are equal cost no slots', async () => {
    const equal = await synced({ endpoints: [1, 2, 3], weights: { 1: 100, 2: 100, 3: 100 } });
    const plain = await synced({ endpoints: [1, 2, 3] });
    const slots = (fake: FakeNftables) => fake.table?.sets.get('cluster-endpoints')?.elements;
    expect(slots(equal)).toEqual(slots(plain));
  });
});

describe('maglev', () => {
  it('S14: gives each endpoint its share of clients, by weight', async () => {
    const fake = await synced({ endpoints: [1, 2, 3, 4], weights: { 4: 2 }, balancing: 'maglev' });
    const hits = new Map<string, number>();
    for (const client of CLIENTS) {
      const where = endpointFor(fake, client);
      hits.set(where, (hits.get(where) ?? 0) + 1);
    }
    const expected = [1, 2, 3, 4].map((number) => ({ number, count: number === 4 ? 4000 : 2000 }));
    const chiSquare = expected.reduce((sum, { number, count }) => {
      return sum + ((hits.get(`10.244.1.${number}`) ?? 0) - count) ** 2 / count;
    }, 0);
    // With 3 degrees of freedom, 16.3 is exceeded by chance once in a thousand; the clients are always the same.
    expect(chiSquare).toBeLessThan(16.3);
  });

  it.each([3, 6, 10])(
    'S14: moves at most 1/n + 2 %% of clients when one of %i endpoints leaves',
    async (count) => {
      const endpoints = Array.from({ length: count }, (_, index) => index + 1);
      const before = await synced({ endpoints, balancing: 'maglev' });
      const after = await synced({ endpoints: endpoints.slice(1), balancing: 'maglev' });
      const moved = CLIENTS.filter((client) => endpointFor(before, client) !== endpointFor(after, client));
      expect(moved.length / CLIENTS.length).toBeLessThanOrEqual(1 / count + 0.02);
    },
  );

  it('S14: is the default where the kernel has no nft_hash, and the backend does not offer it', async () => {
    const capabilities = { concatenatedIntervals: true, elementCounters: true, clientHash: false };
    const fake = createFakeNftables({ family: 'IPv4', capabilities });
    const backend = createNftablesBackend({ family: 'IPv4', driver: fake.driver });
    expect(backend.balancing?.().algorithms).toContain('maglev');
    await backend.sync(fullChange(stateOf({ endpoints: [1, 2], balancing: 'maglev' })));
    expect(backend.balancing?.().algorithms).toEqual(['random']);
    expect([...sharesOf(fake, '198.51.100.7').values()]).toEqual([0.5, 0.5]);
  });

  it('is refused with another number of slots than one of the primes', async () => {
    const { driver } = createFakeNftables({ family: 'IPv4' });
    const options = { family: 'IPv4', driver, maglevSlots: 1000 as 1021 } as const;
    expect(() => createNftablesBackend(options)).toThrow(
      'maglevSlots: 1000 is not one of 251, 1021, 4093, 16381, 65521',
    );
  });
});

/** A batch for each operation: after each, as between batches of a large change, packets reach an endpoint. */
function stepwise(fake: FakeNftables, onStep: () => void): NftablesDriver {
  return {
    ...fake.driver,
    commit: async (work) => {
      let { generation } = work;
      for (const operation of work.operations) {
        const taken = await fake.driver.commit({ ...work, generation, operations: [operation] });
        if (taken.result === 'stale' || !taken.result.ok) return taken;
        generation = taken.generation;
        onStep();
      }
      return { result: { ok: true, value: null }, generation, batches: work.operations.length };
    },
  };
}

describe('a Service whose annotation changes', () => {
  const shapes: readonly Shape[] = [
    { endpoints: [1, 2, 3] },
    { endpoints: [1, 2, 3], balancing: 'maglev' },
    { endpoints: [2, 3], balancing: 'maglev', weights: { 3: 3 } },
    { endpoints: [2, 3], weights: { 3: 3 } },
    { endpoints: [2, 3] },
    { endpoints: [2, 3], balancing: 'maglev' },
  ];

  it('S14: reaches an endpoint with every packet, however many batches the change takes', async () => {
    const fake = createFakeNftables({ family: 'IPv4' });
    const reached = new Set<string>();
    const onStep = (): void => {
      if (fake.table?.sets.get('service-ips')?.elements.size !== 1) return;
      for (const client of CLIENTS.slice(0, 50)) {
        for (const where of sharesOf(fake, client).keys()) reached.add(where);
      }
    };
    const driver = stepwise(fake, onStep);
    const backend = createNftablesBackend({ family: 'IPv4', driver, maglevSlots: 251 });
    let before: DesiredState | null = null;
    for (const shape of shapes) {
      const state = stateOf(shape);
      const change = before === null ? fullChange(state) : changeBetween(before, state);
      expect(await backend.sync(change)).toMatchObject({ outcome: 'ok' });
      before = state;
    }
    expect([...reached].toSorted()).toEqual(['10.244.1.1', '10.244.1.2', '10.244.1.3']);
  });

  it('S14: costs one batch', async () => {
    const fake = createFakeNftables({ family: 'IPv4' });
    const operations: (readonly Operation[])[] = [];
    const driver: NftablesDriver = {
      ...fake.driver,
      commit: (work) => (operations.push(work.operations), fake.driver.commit(work)),
    };
    const backend = createNftablesBackend({ family: 'IPv4', driver, maglevSlots: 251 });
    const [plain, hashed] = [
      stateOf({ endpoints: [1, 2] }),
      stateOf({ endpoints: [1, 2], balancing: 'maglev' }),
    ];
    await backend.sync(fullChange(plain));
    operations.splice(0);
    await backend.sync(changeBetween(plain, hashed));
    expect(operations).toHaveLength(1);
    await backend.sync(changeBetween(hashed, plain));
    // The chain that nothing uses any more goes in a batch of its own.
    expect(operations.slice(1).map((batch) => batch.at(-1)?.kind)).toEqual([
      'delete-elements',
      'delete-chain',
    ]);
  });
});
