/**
 * Smooth weighted round robin, as in nginx: in each turn every endpoint gains its weight, and the one with the most is chosen and
 * loses the sum of all weights. With weights 5, 1, 1 the order is a a b a c a a, not a a a a a b c.
 */
import { perList, weightOf, type Algorithm } from './algorithm.ts';
import { GAINS, NEXT, type TurnsOf } from './turns.ts';

interface Weights {
  readonly weights: readonly number[];
  readonly sum: number;
  readonly isEqual: boolean;
}

export function createRoundRobin(turnsOf: TurnsOf): Algorithm {
  const weightsOf = perList((endpoints): Weights => {
    const weights = endpoints.map(weightOf);
    return {
      weights,
      sum: weights.reduce((sum, each) => sum + each, 0),
      isEqual: weights.every((each) => each === weights[0]),
    };
  });
  return {
    choose(endpoints) {
      const known = weightsOf(endpoints);
      const turns = turnsOf(endpoints);
      if (!known.isEqual) return smooth(known, turns);
      const chosen = turns[NEXT] ?? 0;
      turns[NEXT] = (chosen + 1) % endpoints.length;
      return chosen;
    },
  };
}

function smooth({ weights, sum }: Weights, turns: Int32Array): number {
  const gainOf = (at: number): number => turns[GAINS + at] ?? 0;
  let chosen = 0;
  for (const [at, weight] of weights.entries()) {
    turns[GAINS + at] = gainOf(at) + weight;
    if (gainOf(at) > gainOf(chosen)) chosen = at;
  }
  turns[GAINS + chosen] = gainOf(chosen) - sum;
  return chosen;
}
