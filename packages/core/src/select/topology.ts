import type { TopologyHints } from '../model/endpoint-slice.ts';
import { isReady, type Candidate } from './candidate.ts';

/** Name and zone of this node. */
export interface NodeLocation {
  readonly name: string;
  /** Null if the node has no zone label: then zone hints are ignored (S10). */
  readonly zone: string | null;
}

type HintsNode = (hints: TopologyHints) => boolean;

/** Every ready endpoint has a hint of this kind, and one of them names this node or its zone. */
function applies(
  ready: readonly Candidate[],
  given: (hints: TopologyHints) => readonly string[],
  meansUs: HintsNode,
): boolean {
  return (
    ready.every(({ hints }) => hints !== null && given(hints).length > 0) &&
    ready.some(({ hints }) => hints !== null && meansUs(hints))
  );
}

/** S9: the ready endpoints that this node should prefer: same node, else same zone, else all. Never fewer than one. */
export function readyByTopology(candidates: readonly Candidate[], location: NodeLocation): Candidate[] {
  const ready = candidates.filter(isReady);
  if (!ready.some(({ hints }) => hints !== null)) return ready;
  const { name, zone } = location;
  const forUs: HintsNode = (hints) => hints.nodes.includes(name);
  const forZone: HintsNode = (hints) => zone !== null && hints.zones.includes(zone);
  const keep = (wanted: HintsNode): Candidate[] =>
    ready.filter(({ hints }) => hints !== null && wanted(hints));
  if (applies(ready, (hints) => hints.nodes, forUs)) return keep(forUs);
  if (applies(ready, (hints) => hints.zones, forZone)) return keep(forZone);
  return ready;
}
