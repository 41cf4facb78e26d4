import { perList, weightOf, type Algorithm } from './algorithm.ts';
import { endpointName } from './endpoint-name.ts';

interface Known {
  readonly names: readonly string[];
  readonly weights: readonly number[];
  /** Where the search begins: endpoints with equal load take turns. */
  start: number;
}

/**
 * The exact minimum of connections after this one in proportion to the weight, of the connections through this node. Two random
 * choices would be cheaper with thousands of endpoints, but give an idle endpoint fewer connections.
 */
export function createLeastConnections(): Algorithm {
  const knownOf = perList((endpoints): Known => ({
    names: endpoints.map(endpointName),
    weights: endpoints.map(weightOf),
    start: 0,
  }));
  return {
    choose(endpoints, { active }) {
      const known = knownOf(endpoints);
      const { names, weights, start } = known;
      let [chosen, least] = [start, Number.POSITIVE_INFINITY];
      for (let step = 0; step < names.length; step++) {
        const at = (start + step) % names.length;
        const load = (active(names[at] ?? '') + 1) / (weights[at] ?? 1);
        if (load < least) [chosen, least] = [at, load];
      }
      known.start = (chosen + 1) % names.length;
      return chosen;
    },
  };
}
