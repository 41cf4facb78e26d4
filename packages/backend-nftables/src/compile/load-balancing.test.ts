import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENDPOINT_MAPS } from '../objects/ruleset.ts';
import { byWeight, classOf, pickChain, PREPARED_CLASSES, preparedPickChains } from './load-balancing.ts';

/** Slots that the rules of the chain try one after the other. */
function triesOf(slots: number): readonly number[] {
  return pickChain('cluster-endpoints', slots).rules.flatMap(({ statements }) =>
    statements.flatMap((statement) => (statement.kind === 'dnat-map' ? [statement.slots] : [])),
  );
}

/** Share of connections that slot 0 gets, where `endpoints` of its slots are filled. */
function shareOfFirst(slots: number, endpoints: number): number {
  let share = 0;
  let left = 1;
  for (const among of triesOf(slots)) {
    share += left / among;
    left *= among === 1 ? 0 : (slots - endpoints) / slots;
  }
  return share;
}

describe('a pick chain', () => {
  it('gives slot 0 a thousandth more than its share at most, however many slots are empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), (endpoints) => {
        const surplus = shareOfFirst(classOf(endpoints), endpoints) - 1 / endpoints;
        expect(surplus).toBeGreaterThan(-1e-9);
        expect(surplus).toBeLessThan(1e-3);
      }),
    );
  });

  it('never falls through: its last rules try slot 0 and drop', () => {
    for (const map of ENDPOINT_MAPS) {
      for (const slots of [...PREPARED_CLASSES, 2048]) {
        const [first, last] = pickChain(map, slots).rules.slice(-2);
        expect(first).toMatchObject({ matches: [], statements: [{ kind: 'dnat-map', slots: 1, map }] });
        expect(last).toEqual({ matches: [], statements: [{ kind: 'verdict', verdict: { kind: 'drop' } }] });
      }
    }
  });

  it('looks up node ports without an address', () => {
    const keys = ENDPOINT_MAPS.map((map) => pickChain(map, 1).rules[0]?.statements[0]);
    expect(keys).toMatchObject([
      { key: ['daddr', 'l4proto', 'dport'] },
      { key: ['daddr', 'l4proto', 'dport'] },
      { key: ['l4proto', 'dport'] },
      { key: ['l4proto', 'dport'] },
    ]);
  });
});

describe('classes', () => {
  it('are the smallest powers of two that hold the endpoints', () => {
    expect([0, 1, 2, 3, 4, 5, 8, 9, 1000, 1024, 1025].map(classOf)).toEqual([
      1, 1, 2, 4, 4, 8, 8, 16, 1024, 1024, 2048,
    ]);
  });

  it('up to 1,024 have their chains from the start', () => {
    const names = preparedPickChains().map(({ name }) => name);
    expect(names).toHaveLength(4 * 11);
    expect(names).toEqual(
      expect.arrayContaining(['pick/1', 'pick-local/1024', 'nodeport/2', 'nodeport-local/512']),
    );
  });
});

describe('endpoints by weight', () => {
  const weighted = (weights: readonly number[]) =>
    weights.map((weight, index) => ({ address: `10.244.0.${index}`, port: 8080, isLocal: false, weight }));
  const times = (weights: readonly number[], most?: number): readonly number[] => {
    const all = byWeight(weighted(weights), [...weights.keys()], most);
    return weights.map((_, index) => all.filter((each) => each === index).length);
  };

  it('S14: are repeated as often as the weights require, divided by what these have in common', () => {
    expect(times([30, 20, 10])).toEqual([3, 2, 1]);
    expect(times([7, 7])).toEqual([1, 1]);
    expect(times([1, 100])).toEqual([1, 100]);
  });

  it('S14: have rounded shares above a limit, and one at least', () => {
    expect(times([1, 100, 99], 10)).toEqual([1, 5, 5]);
    const many = Array.from({ length: 100 }, (_, index) => 1 + (index % 100));
    const all = times(many);
    expect(Math.min(...all)).toBe(1);
    expect(all.reduce((sum, each) => sum + each, 0)).toBeLessThan(4200);
  });

  it('are the same array without weights', () => {
    const plain = weighted([1, 1]).map(({ address, port }) => ({ address, port, isLocal: false }));
    expect(byWeight(plain, plain)).toBe(plain);
  });
});
