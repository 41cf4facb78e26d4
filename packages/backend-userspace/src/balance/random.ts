import { perList, weightOf, type Algorithm, type Random } from './algorithm.ts';

/** With a probability in proportion to the weight, whatever was chosen before. */
export function createRandomChoice(random: Random): Algorithm {
  /** The sum of the weights up to each endpoint. */
  const sumsOf = perList((endpoints) => {
    let sum = 0;
    return endpoints.map((endpoint) => (sum += weightOf(endpoint)));
  });
  return {
    choose(endpoints) {
      const sums = sumsOf(endpoints);
      return firstAbove(sums, random() * (sums.at(-1) ?? 0));
    },
  };
}

/** By binary search; the sums increase, and the last one is above the value. */
function firstAbove(sums: readonly number[], value: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
