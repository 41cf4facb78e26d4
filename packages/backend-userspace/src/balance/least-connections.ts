import { perList, weightOf, type Algorithm } from './algorithm.ts';
import { endpointName } from './endpoint-name.ts';
import { NEXT, type TurnsOf } from './turns.ts';

interface Known {
  readonly names: readonly string[];
  readonly weights: readonly number[];
}

/**
 * The exact minimum of connections after this one in proportion to the weight, of the connections through this node. Two random
 * choices would be cheaper with thousands of endpoints, but give an idle endpoint fewer connections.
 */
export function createLeastConnections(turnsOf: TurnsOf): Algorithm {
  const knownOf = perList((endpoints): Known => ({
    names: endpoints.map(endpointName),
    weights: endpoints.map(weightOf),
  }));
  return {
    choose(endpoints, { active }) {
      const { names, weights } = knownOf(endpoints);
      const turns = turnsOf(endpoints);
      // Endpoints with equal load take turns.
      const start = turns[NEXT] ?? 0;
      let [chosen, least] = [start, Number.POSITIVE_INFINITY];
      for (let step = 0; step < names.length; step++) {
        const at = (start + step) % names.length;
        const load = (active(names[at] ?? '') + 1) / (weights[at] ?? 1);
        if (load < least) [chosen, least] = [at, load];
      }
      turns[NEXT] = (chosen + 1) % names.length;
      return chosen;
    },
  };
}
