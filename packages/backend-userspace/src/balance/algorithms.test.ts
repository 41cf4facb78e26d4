import type { BalancingAlgorithm, DesiredEndpoint } from '@signalbox/core';
import { seededRandom } from '@signalbox/testkit';
import { describe, expect, it } from 'vitest';
import { createBalancer } from '../compile/load-balancing.ts';
import { CHI_SQUARE_LIMITS, chiSquare } from '../testing/chi-square.ts';
import { endpointName } from './endpoint-name.ts';

function endpointsOf(weights: readonly number[]): readonly DesiredEndpoint[] {
  return weights.map((weight, at) => ({
    address: `10.244.${at >> 8}.${at & 0xff}`,
    port: 8080,
    isLocal: true,
    ...(weight === 1 ? {} : { weight }),
  }));
}

const equal = (count: number): readonly DesiredEndpoint[] =>
  endpointsOf(Array.from({ length: count }, () => 1));
/** Distinct ones; more than an octet has. */
const clientOf = (at: number): string => `192.0.${at >> 8}.${at & 0xff}`;

interface World {
  readonly balancing: BalancingAlgorithm | null;
  readonly random?: () => number;
  /** Connections that are open; the test opens and closes them. */
  readonly open?: Map<string, number>;
}

function chooser({ balancing, random = seededRandom(7), open = new Map() }: World) {
  const balancer = createBalancer(random);
  const candidates = (endpoints: readonly DesiredEndpoint[], client: string, count = 1) => {
    const active = (name: string): number => open.get(name) ?? 0;
    return balancer.candidates({ endpoints, affinity: null, balancing, client, now: 0, active }, count);
  };
  return {
    candidates,
    choose: (endpoints: readonly DesiredEndpoint[], client = '192.0.2.1'): DesiredEndpoint => {
      const [first] = candidates(endpoints, client);
      if (first === undefined) throw new Error('no endpoint');
      return first;
    },
  };
}

/** How often each endpoint was chosen, in the order of the list. */
function countsOf(endpoints: readonly DesiredEndpoint[], chosen: readonly DesiredEndpoint[]): number[] {
  const counts = new Map(endpoints.map((each) => [endpointName(each), 0]));
  for (const each of chosen) counts.set(endpointName(each), (counts.get(endpointName(each)) ?? 0) + 1);
  return [...counts.values()];
}

function many(count: number, choose: (at: number) => DesiredEndpoint): DesiredEndpoint[] {
  return Array.from({ length: count }, (_, at) => choose(at));
}

const ALL: readonly (BalancingAlgorithm | null)[] = [
  null,
  'round-robin',
  'random',
  'least-connections',
  'maglev',
];

describe.each(ALL)('the algorithm %s', (balancing) => {
  it('tries all other endpoints after the first, and repeats them if there are fewer than attempts', () => {
    const { candidates } = chooser({ balancing });
    for (let at = 0; at < 50; at++) {
      expect(new Set(candidates(equal(4), clientOf(at), 4)).size).toBe(4);
      const two = candidates(equal(2), clientOf(at), 4);
      expect([two[2], two[3]]).toEqual([two[0], two[1]]);
      expect(two[0]).not.toEqual(two[1]);
    }
  });

  it('chooses the only endpoint, and none of none', () => {
    const { choose, candidates } = chooser({ balancing });
    const [only] = equal(1);
    expect(choose(only === undefined ? [] : [only])).toBe(only);
    expect(candidates([], 'client', 4)).toEqual([]);
  });

  it('yields to session affinity', () => {
    const balancer = createBalancer(seededRandom(1));
    const endpoints = equal(5);
    const request = {
      endpoints,
      affinity: { timeoutSeconds: 10 },
      balancing,
      client: 'a',
      now: 0,
      active: () => 0,
    };
    for (const endpoint of endpoints) {
      balancer.connected(request, endpoint);
      expect(balancer.candidates(request, 1)).toEqual([endpoint]);
    }
  });
});

describe.each(['round-robin', 'least-connections'] as const)('the algorithm %s', (balancing) => {
  it('gives each idle endpoint exactly its turn', () => {
    const endpoints = equal(7);
    const { choose } = chooser({ balancing });
    const chosen = many(70, () => choose(endpoints));
    expect(countsOf(endpoints, chosen)).toEqual(endpoints.map(() => 10));
  });
});

describe('round robin', () => {
  it('gives exact shares by weight, spread over the sequence', () => {
    const endpoints = endpointsOf([5, 1, 1]);
    const { choose } = chooser({ balancing: 'round-robin', random: () => 0.999 });
    const chosen = many(14, () => choose(endpoints));
    expect(countsOf(endpoints, chosen)).toEqual([10, 2, 2]);
    const sequence = chosen.slice(0, 7).map((each) => 'abc'[endpoints.indexOf(each)]);
    expect(sequence.join('')).toBe('aabacaa');
  });
});

describe('random', () => {
  it.each([
    ['equal shares', [1, 1, 1, 1, 1, 1, 1, 1]],
    ['shares by weight', [1, 5, 10, 50, 100]],
  ])('gives %s (chi-square)', (_, weights) => {
    const endpoints = endpointsOf(weights);
    const { choose } = chooser({ balancing: 'random' });
    const counts = countsOf(
      endpoints,
      many(20_000, () => choose(endpoints)),
    );
    expect(chiSquare(counts, weights)).toBeLessThan(CHI_SQUARE_LIMITS[weights.length - 1] ?? 0);
  });

  it('does not depend on the choice before', () => {
    const endpoints = equal(3);
    const { choose } = chooser({ balancing: 'random' });
    const chosen = Array.from({ length: 30_001 }, () => endpoints.indexOf(choose(endpoints)));
    const pairs = Array.from({ length: 9 }, () => 0);
    for (let at = 1; at < chosen.length; at++) {
      const pair = (chosen[at - 1] ?? 0) * 3 + (chosen[at] ?? 0);
      pairs[pair] = (pairs[pair] ?? 0) + 1;
    }
    expect(
      chiSquare(
        pairs,
        pairs.map(() => 1),
      ),
    ).toBeLessThan(CHI_SQUARE_LIMITS[8] ?? 0);
  });
});

describe('least connections', () => {
  it('chooses the endpoint with the fewest connections for its weight', () => {
    const endpoints = endpointsOf([1, 1, 4]);
    const [a, b, c] = endpoints.map(endpointName) as [string, string, string];
    const open = new Map([
      [a, 3],
      [b, 2],
      [c, 12],
    ]);
    const { choose } = chooser({ balancing: 'least-connections', open });
    const name = (): string => endpointName(choose(endpoints));
    expect(name()).toBe(b);
    open.set(b, 4);
    expect(name()).toBe(c);
    open.set(c, 16);
    expect(name()).toBe(a);
  });

  it('gives shares by weight when connections stay open', () => {
    const weights = [1, 2, 3, 4];
    const endpoints = endpointsOf(weights);
    const open = new Map<string, number>();
    const { choose } = chooser({ balancing: 'least-connections', open });
    const chosen = many(1000, () => {
      const endpoint = choose(endpoints);
      open.set(endpointName(endpoint), (open.get(endpointName(endpoint)) ?? 0) + 1);
      return endpoint;
    });
    expect(countsOf(endpoints, chosen)).toEqual([100, 200, 300, 400]);
  });
});

describe('maglev', () => {
  it.each([
    ['equal shares', [1, 1, 1, 1, 1, 1, 1, 1]],
    ['shares by weight', [1, 2, 3, 4, 5]],
  ])('gives %s of the clients (chi-square)', (_, weights) => {
    const endpoints = endpointsOf(weights);
    const { choose } = chooser({ balancing: 'maglev' });
    const counts = countsOf(
      endpoints,
      many(10_000, (at) => choose(endpoints, clientOf(at))),
    );
    expect(chiSquare(counts, weights)).toBeLessThan(CHI_SQUARE_LIMITS[weights.length - 1] ?? 0);
  });

  it('gives a client the same endpoint on every node', () => {
    const one = chooser({ balancing: 'maglev', random: seededRandom(1) });
    const other = chooser({ balancing: 'maglev', random: seededRandom(2) });
    const [endpoints, again] = [equal(20), equal(20).toReversed()];
    for (let at = 0; at < 200; at++) {
      expect(endpointName(one.choose(endpoints, clientOf(at)))).toBe(
        endpointName(other.choose(again, clientOf(at))),
      );
    }
  });

  it.each([3, 10, 40])('moves at most 1/n + 2 %% of the clients when one of %i endpoints leaves', (count) => {
    const { choose } = chooser({ balancing: 'maglev' });
    const endpoints = equal(count);
    const left = endpoints.slice(1);
    const clients = Array.from({ length: 5000 }, (_, at) => clientOf(at));
    const moved = clients.filter((client) => choose(endpoints, client) !== choose(left, client));
    const lost = clients.filter((client) => choose(endpoints, client) === endpoints[0]);
    expect(moved.length / clients.length).toBeLessThanOrEqual(1 / count + 0.02);
    expect(moved.length).toBeGreaterThanOrEqual(lost.length);
  });
});
