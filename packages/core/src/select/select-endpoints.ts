import type { DesiredEndpoint } from '../desired/desired-state.ts';
import { isReady, isServing, isServingTerminating, type Candidate } from './candidate.ts';
import { readyByTopology, type NodeLocation } from './topology.ts';
import type { PolicyUse } from './traffic-policy.ts';

export interface SelectedEndpoints {
  readonly cluster: readonly DesiredEndpoint[];
  readonly local: readonly DesiredEndpoint[];
  readonly serving: readonly DesiredEndpoint[];
  /** A usable endpoint exists somewhere, whether or not this node may use it: drop rather than reject. */
  readonly any: boolean;
}

const NONE: readonly DesiredEndpoint[] = Object.freeze([]);

function endpointsOf(candidates: readonly Candidate[]): readonly DesiredEndpoint[] {
  return candidates.length === 0 ? NONE : candidates.map(({ endpoint }) => endpoint);
}

/** Equal sets become one array: in a large cluster they use most of the memory. */
function shareIfEqual(
  set: readonly DesiredEndpoint[],
  other: readonly DesiredEndpoint[],
): readonly DesiredEndpoint[] {
  return set.length === other.length && set.every((endpoint, at) => endpoint === other[at]) ? other : set;
}

/** S6, S7: the ready endpoints or, if there are none, those that still serve while they terminate. */
function orServingTerminating(ready: readonly Candidate[], all: readonly Candidate[]): readonly Candidate[] {
  return ready.length > 0 ? ready : all.filter(isServingTerminating);
}

/** S5-S12 for one service port; `candidates` sorted and without duplicates. */
export function selectEndpoints(
  candidates: readonly Candidate[],
  use: PolicyUse,
  location: NodeLocation,
): SelectedEndpoints {
  const serving = endpointsOf(candidates.filter(isServing));
  const local = candidates.filter(({ endpoint }) => endpoint.isLocal);
  const clusterSet = use.cluster
    ? endpointsOf(orServingTerminating(readyByTopology(candidates, location), candidates))
    : NONE;
  const localSet = use.local ? endpointsOf(orServingTerminating(local.filter(isReady), local)) : NONE;
  return {
    serving,
    cluster: shareIfEqual(clusterSet, serving),
    local: shareIfEqual(localSet, serving),
    any: candidates.some((candidate) => isReady(candidate) || isServingTerminating(candidate)),
  };
}
