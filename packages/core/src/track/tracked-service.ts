import type { BuiltNode, Surroundings } from '../desired/build-node.ts';
import type { Frontend } from '../desired/desired-state.ts';
import type { InputProblem } from '../input.ts';
import type { SliceModel } from '../model/endpoint-slice.ts';
import { FAMILIES, type Family, type Protocol } from '../model/family.ts';
import type { IgnoredService, ServiceModel } from '../model/service.ts';
import type { ObjectKey, ServicePortKey } from '../model/service-port-name.ts';
import type { SliceStore } from './endpoint-slices.ts';
import type { FrontendConflicts } from './frontend-conflicts.ts';
import type { NodeView } from '../model/model-config.ts';
import type { NodeStore } from './node.ts';
import type { ObjectNotes } from './object-notes.ts';

/** Everything that decides how this node serves one Service. Valid until the next event. */
export interface TrackedService {
  readonly key: ObjectKey;
  /** Null if it is not served; then `ignored` has the reason, or there is no such Service. */
  readonly service: ServiceModel | null;
  /** Why the Service is not served at all; null if it is served or does not exist. */
  readonly ignored: IgnoredService | null;
  /** Of both families, sorted by name. */
  readonly slices: readonly SliceModel[];
  /** Of the Service and of its slices. */
  readonly problems: readonly InputProblem[];
  readonly node: NodeView;
  /** The node as backends receive it, by family. */
  readonly nodes: Readonly<Record<Family, BuiltNode>>;
  /** Null if the Node is not known, or has no zone. */
  readonly zoneOf: (node: string) => string | null;
  /** The service port that has a frontend which several specify; null if no other one specifies it. */
  readonly holderOf: (
    frontend: Frontend,
    scope: { readonly family: Family; readonly protocol: Protocol },
  ) => ServicePortKey | null;
}

interface Sources {
  readonly services: ReadonlyMap<ObjectKey, ServiceModel>;
  readonly slices: SliceStore;
  readonly nodes: NodeStore;
  readonly notes: ObjectNotes;
  readonly frontendConflicts: FrontendConflicts;
  readonly surroundings: Surroundings;
}

export function trackedService(
  sources: Sources,
  families: Readonly<Record<Family, { readonly node: () => BuiltNode }>>,
  key: ObjectKey,
): TrackedService {
  const { services, notes, nodes, frontendConflicts, surroundings } = sources;
  const slices = FAMILIES.flatMap((family) => sources.slices.of(key, family));
  return {
    key,
    service: services.get(key) ?? null,
    ignored: notes.ignored(key),
    slices,
    problems: [
      ...notes.problems('Service', key),
      ...slices.flatMap((slice) => notes.problems('EndpointSlice', slice.key)),
    ],
    node: surroundings.node,
    nodes: { IPv4: families.IPv4.node(), IPv6: families.IPv6.node() },
    zoneOf: (name) => nodes.zoneOf(name),
    holderOf: (frontend, scope) => frontendConflicts.holderOf(frontend, scope),
  };
}
