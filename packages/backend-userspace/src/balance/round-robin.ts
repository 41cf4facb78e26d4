/**
 * Smooth weighted round robin, as in nginx: in each turn every endpoint gains its weight, and the one with the most is chosen and
 * loses the sum of all weights. With weights 5, 1, 1 the order is a a b a c a a, not a a a a a b c.
 */
import { perList, weightOf, type Algorithm } from './algorithm.ts';

interface Turns {
  readonly weights: readonly number[];
  readonly sum: number;
  readonly isEqual: boolean;
  readonly gains: number[];
  /** With equal weights. */
  next: number;
}

export function createRoundRobin(): Algorithm {
  const turnsOf = perList((endpoints): Turns => {
    const weights = endpoints.map(weightOf);
    return {
      weights,
      sum: weights.reduce((sum, each) => sum + each, 0),
      isEqual: weights.every((each) => each === weights[0]),
      gains: weights.map(() => 0),
      next: 0,
    };
  });
  return {
    choose(endpoints) {
      const turns = turnsOf(endpoints);
      if (!turns.isEqual) return smooth(turns);
      const chosen = turns.next;
      turns.next = (chosen + 1) % endpoints.length;
      return chosen;
    },
  };
}

function smooth({ weights, sum, gains }: Turns): number {
  let chosen = 0;
  for (const [at, weight] of weights.entries()) {
    gains[at] = (gains[at] ?? 0) + weight;
    if ((gains[at] ?? 0) > (gains[chosen] ?? 0)) chosen = at;
  }
  gains[chosen] = (gains[chosen] ?? 0) - sum;
  return chosen;
}
