import type { FaultPlan } from '@signalbox/core/testing';
import { seededRandom } from './random.ts';

export const NO_FAULTS: FaultPlan = () => false;

/** Fails each operation with probability `rate` (0-1). */
export function randomFaults(rate: number, seed: number): FaultPlan {
  const random = seededRandom(seed);
  return () => random() < rate;
}

/** How often a plan was asked, and how often an operation failed by it. */
export interface CountedFaults {
  readonly plan: FaultPlan;
  asked: number;
  faults: number;
}

export function countFaults(plan: FaultPlan): CountedFaults {
  const counted: CountedFaults = {
    asked: 0,
    faults: 0,
    plan: (operation) => {
      const fails = plan(operation);
      counted.asked += 1;
      if (fails) counted.faults += 1;
      return fails;
    },
  };
  return counted;
}
