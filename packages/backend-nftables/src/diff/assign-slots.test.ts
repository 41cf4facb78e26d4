import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classOf } from '../compile/load-balancing.ts';
import { assignSlots, type Slots, slotSteps } from './assign-slots.ts';

const endpoints = fc.uniqueArray(
  fc.integer({ min: 1, max: 60 }).map((number) => `10.244.0.${number} . 8080`),
  { maxLength: 40 },
);
/** What the kernel may hold, whichever process wrote it: holes, duplicates, slots beyond the class. */
const heldByOthers: fc.Arbitrary<Slots> = fc.array(
  fc
    .option(fc.integer({ min: 1, max: 60 }), { nil: undefined })
    .map((number) => (number === undefined ? undefined : `10.244.0.${number} . 8080`)),
  { maxLength: 70 },
);

function expectValid(slots: Slots, desired: readonly string[]): void {
  const present = slots.filter((each) => each !== undefined);
  expect(present.toSorted()).toEqual([...desired].toSorted());
  expect(slots).toHaveLength(classOf(desired.length));
  if (desired.length > 0) expect(slots[0]).toBeDefined();
}

describe('slots of endpoints', () => {
  it('have every endpoint once, within the class, and slot 0 is filled, whatever was held before', () => {
    fc.assert(
      fc.property(heldByOthers, endpoints, (held, desired) =>
        expectValid(assignSlots(held, desired), desired),
      ),
    );
  });

  it('have an endpoint as often as its weight requires', () => {
    const repeated = fc.array(
      fc.integer({ min: 1, max: 6 }).map((number) => `10.244.0.${number} . 8080`),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(heldByOthers, repeated, (held, desired) =>
        expectValid(assignSlots(held, desired), desired),
      ),
    );
  });

  it('stay for endpoints that stay, but for one that fills slot 0 and those beyond a smaller class', () => {
    fc.assert(
      fc.property(endpoints, endpoints, (before, after) => {
        const held = assignSlots([], before);
        const next = assignSlots(held, after);
        const moved = held.filter(
          (endpoint, slot) => endpoint !== undefined && after.includes(endpoint) && next[slot] !== endpoint,
        );
        const beyond = held.filter((endpoint, slot) => endpoint !== undefined && slot >= next.length);
        const mustMove = new Set([...beyond, ...(next[0] === held[0] ? [] : [next[0]])]);
        expect(moved.filter((endpoint) => !mustMove.has(endpoint))).toEqual([]);
      }),
    );
  });

  it('differ by one step for an endpoint that comes or goes within the class', () => {
    fc.assert(
      fc.property(endpoints, fc.nat(), (all, pick) => {
        fc.pre(all.length > 2 && classOf(all.length) === classOf(all.length - 1));
        const held = assignSlots([], all);
        const fewer = assignSlots(
          held,
          all.filter((_, index) => index !== pick % all.length),
        );
        // Where slot 0 became empty, its step replaces the endpoint and the other one empties a slot.
        const steps = slotSteps(held, fewer);
        expect(steps).toHaveLength(held[0] === fewer[0] ? 1 : 2);
        expect(slotSteps(fewer, assignSlots(fewer, all))).toHaveLength(1);
      }),
    );
  });

  it('are valid after any sequence of changes', () => {
    fc.assert(
      fc.property(fc.array(endpoints, { maxLength: 12 }), (states) => {
        let held: Slots = [];
        for (const desired of states) {
          held = assignSlots(held, desired);
          expectValid(held, desired);
        }
      }),
    );
  });

  it('have no step between equal slots, and name what was there', () => {
    expect(slotSteps(['a', undefined, 'b'], ['a', undefined, 'b'])).toEqual([]);
    expect(slotSteps(['a', 'b'], ['c'])).toEqual([
      { slot: 0, before: 'a', after: 'c' },
      { slot: 1, before: 'b', after: undefined },
    ]);
  });
});
