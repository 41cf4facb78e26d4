import type { FaultPlan } from '@signalbox/core/testing';
import { seededRandom } from './random.ts';

export const NO_FAULTS: FaultPlan = () => false;

/** Fails each operation with probability `rate` (0-1). */
export function randomFaults(rate: number, seed: number): FaultPlan {
  const random = seededRandom(seed);
  return () => random() < rate;
}
