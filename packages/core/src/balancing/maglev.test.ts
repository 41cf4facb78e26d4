import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  maglevSlot,
  maglevTable,
  MAGLEV_TABLE_SIZE,
  type MaglevEndpoint,
  type MaglevTable,
} from './maglev.ts';
import { murmur3 } from './murmur3.ts';

describe('murmur3', () => {
  // The published test vectors of MurmurHash3_x86_32.
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e_28b7],
    ['a', 0x9747_b28c, 0x7fa0_9ea6],
    ['aa', 0x9747_b28c, 0x5d21_1726],
    ['aaa', 0x9747_b28c, 0x283e_0130],
    ['aaaa', 0x9747_b28c, 0x5a97_808a],
    ['hello', 0, 0x248b_fa47],
    ['Hello, world!', 0x9747_b28c, 0x2488_4cba],
    ['The quick brown fox jumps over the lazy dog', 0x9747_b28c, 0x2fa8_26cd],
  ])('of %j with seed %i is %i', (text, seed, hash) => {
    expect(murmur3(text, seed)).toBe(hash);
  });
});

/** Distinct endpoints with pods' addresses as a node has them: consecutive. */
function endpointsOf(count: number, net: number, weights: readonly number[] = [1]): MaglevEndpoint[] {
  return Array.from({ length: count }, (_, index) => ({
    address: `10.${net}.${index >> 8}.${index & 0xff}`,
    port: 8080,
    weight: weights[index % weights.length] ?? 1,
  }));
}

function sharesOf(table: MaglevTable, count: number): number[] {
  const slots = Array.from({ length: count }, () => 0);
  for (const index of table) slots[index] = (slots[index] ?? 0) + 1;
  return slots.map((each) => each / table.length);
}

const net = fc.integer({ min: 0, max: 255 });
const count = fc.integer({ min: 2, max: 200 });
const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 8 });
// A table takes milliseconds.
const RUNS = { numRuns: 25 };

describe('a Maglev table', () => {
  it('is empty without endpoints', () => {
    expect(maglevTable([])).toHaveLength(0);
  });

  it('gives every slot to one of the endpoints', () => {
    const size = fc.constantFrom(251, 1021, 4093);
    fc.assert(
      fc.property(count, net, weights, size, (many, own, given, slots) => {
        const table = maglevTable(endpointsOf(many, own, given), slots);
        expect(table).toHaveLength(slots);
        expect(table.every((index) => index < many)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('gives shares within 2 % of the weights', () => {
    fc.assert(
      fc.property(count, net, weights, (many, own, given) => {
        const endpoints = endpointsOf(many, own, given);
        const total = endpoints.reduce((sum, { weight = 1 }) => sum + weight, 0);
        const shares = sharesOf(maglevTable(endpoints), many);
        for (const [index, { weight = 1 }] of endpoints.entries()) {
          // A turn more or less than its part: counted, as it is much of the share of a small weight.
          const turn = 1 / MAGLEV_TABLE_SIZE;
          expect(Math.abs((shares[index] ?? 0) - weight / total)).toBeLessThan(
            (0.02 * weight) / total + 2 * turn,
          );
        }
      }),
      RUNS,
    );
  });

  it('changes at most 1/n + 2 % of the slots when one of n endpoints leaves', () => {
    fc.assert(
      fc.property(count, net, fc.nat(), (many, own, pick) => {
        const before = endpointsOf(many, own);
        const gone = pick % many;
        const after = before.filter((_, index) => index !== gone);
        const [old, fresh] = [maglevTable(before), maglevTable(after)];
        const moved = [...old].filter((index, slot) => before[index] !== after[fresh[slot] ?? 0]).length;
        expect(moved / MAGLEV_TABLE_SIZE).toBeLessThanOrEqual(1 / many + 0.02);
      }),
      RUNS,
    );
  });

  it('does not depend on the order of the endpoints', () => {
    fc.assert(
      fc.property(count, net, weights, (many, own, given) => {
        const endpoints = endpointsOf(many, own, given);
        const reversed = endpoints.toReversed();
        const [one, other] = [maglevTable(endpoints, 1021), maglevTable(reversed, 1021)];
        expect([...other].map((index) => reversed[index])).toEqual([...one].map((index) => endpoints[index]));
      }),
      RUNS,
    );
  });

  it('gives the clients of a network even slots', () => {
    const table = maglevTable(endpointsOf(4, 244));
    const hits = [0, 0, 0, 0];
    for (let client = 0; client < 10_000; client++) {
      const index = table[maglevSlot(`198.51.${client >> 8}.${client & 0xff}`, table)] ?? 0;
      hits[index] = (hits[index] ?? 0) + 1;
    }
    // Chi-square with 3 degrees of freedom: 16.3 is exceeded by chance once in a thousand; the clients are always the same.
    expect(hits.reduce((sum, each) => sum + (each - 2500) ** 2 / 2500, 0)).toBeLessThan(16.3);
  });
});
