import type { DesiredEndpoint } from '@signalbox/core';
import { perList } from './algorithm.ts';

/**
 * Numbers that remain from one choice to the next, for a list of endpoints and their weights: at `NEXT`, where the next search begins;
 * from `GAINS` on, one for each endpoint, their sum is 0. At first all are 0.
 */
export type TurnsOf = (endpoints: readonly DesiredEndpoint[]) => Int32Array;

export const NEXT = 0;
export const GAINS = 1;

export function createTurns(): TurnsOf {
  return perList((endpoints) => new Int32Array(GAINS + endpoints.length));
}
