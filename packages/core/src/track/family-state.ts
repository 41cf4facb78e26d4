import { buildNode, type BuiltNode, type Surroundings } from '../desired/build-node.ts';
import type { FamilyContext } from '../desired/family-context.ts';
import { addCounts, countsOf, NO_COUNTS } from '../desired/counts.ts';
import { fullChange, type ChangeSet, type DesiredChange } from '../desired/desired-change.ts';
import type {
  DesiredCounts,
  DesiredHealthCheck,
  DesiredNode,
  DesiredServicePort,
  DesiredState,
} from '../desired/desired-state.ts';
import { FAMILIES, type Family } from '../model/family.ts';
import { sameValue } from '../model/same-value.ts';
import type { ServiceModel } from '../model/service.ts';
import type { ObjectKey } from '../model/service-port-name.ts';
import { buildService, NO_SERVICE, type BuildInputs } from './build-service.ts';
import type { Built, ChangeCounts } from './model-types.ts';
import { createPendingObjects, type PendingObjects } from './pending.ts';
import { createStaging, type Staging } from './staging.ts';
import { createTriggerTimes, type TriggerTimes } from './trigger-times.ts';

/** State that both families read. Its fields are replaced by the model: read them when they are needed. */
export interface SharedInputs extends BuildInputs {
  readonly services: ReadonlyMap<ObjectKey, ServiceModel>;
  readonly surroundings: Surroundings;
}

/** One family's desired state and the work still to do on it. Nothing is computed before the first build. */
export interface FamilyState {
  readonly state: DesiredState;
  /** Has been built at least once. */
  readonly isActive: () => boolean;
  /** The node as the next build will use it. */
  readonly node: () => BuiltNode;
  readonly pendingServices: PendingObjects;
  readonly pendingSlices: PendingObjects;
  readonly triggerTimes: TriggerTimes;
  /** To be computed anew; `before` is the Service as it was until now. */
  readonly mark: (service: ObjectKey, before: ServiceModel | undefined) => void;
  readonly surroundingsChanged: () => void;
  readonly hasPending: () => boolean;
  readonly build: () => Built;
  readonly rebuild: () => Built;
}

interface Work {
  readonly family: Family;
  readonly inputs: SharedInputs;
  readonly servicePorts: Staging<DesiredServicePort>;
  readonly healthChecks: Staging<DesiredHealthCheck>;
  /** Each with the Service of the last time it was computed: its ports may have to be removed. */
  readonly dirty: Map<ObjectKey, ServiceModel | undefined>;
  readonly state: DesiredState & { node: DesiredNode; counts: DesiredCounts };
  readonly pendingServices: PendingObjects;
  readonly pendingSlices: PendingObjects;
  readonly triggerTimes: TriggerTimes;
  built: BuiltNode;
  active: boolean;
}

/** The first mark is kept: it has the Service from which the staged or committed state was built. */
function mark(work: Work, service: ObjectKey, before: ServiceModel | undefined): void {
  if (work.active && !work.dirty.has(service)) work.dirty.set(service, before);
}

function refresh(work: Work, key: ObjectKey, before: ServiceModel | undefined): void {
  const { inputs, servicePorts, healthChecks, built } = work;
  const service = inputs.services.get(key);
  const wanted = service === undefined ? NO_SERVICE : buildService(service, inputs, built.context);
  for (const { key: port } of [...(before?.ports ?? []), ...(service?.ports ?? [])]) {
    servicePorts.stage(port, wanted.servicePorts.get(port) ?? null);
  }
  healthChecks.stage(key, wanted.healthCheck);
}

function settle(work: Work): void {
  for (const [key, before] of work.dirty) refresh(work, key, before);
  work.dirty.clear();
}

function hasPending(work: Work): boolean {
  if (!work.active) return true;
  settle(work);
  const services = work.servicePorts.size + work.healthChecks.size;
  return services > 0 || !sameValue(work.state.node, work.built.node);
}

function recount(total: DesiredCounts, changes: ChangeSet<DesiredServicePort>): DesiredCounts {
  let counts = total;
  for (const after of changes.added) counts = addCounts(counts, countsOf(after), 1);
  for (const { before, after } of changes.changed) {
    counts = addCounts(addCounts(counts, countsOf(before), -1), countsOf(after), 1);
  }
  for (const before of changes.removed) counts = addCounts(counts, countsOf(before), -1);
  return sameValue(counts, total) ? total : counts;
}

function commit(work: Work): DesiredChange {
  const { family, state, built } = work;
  settle(work);
  const nodeChanged = !sameValue(state.node, built.node);
  if (nodeChanged) state.node = built.node;
  const servicePorts = work.servicePorts.commit();
  const healthChecks = work.healthChecks.commit();
  state.counts = recount(state.counts, servicePorts);
  work.pendingServices.clear();
  work.pendingSlices.clear();
  const { node, counts } = state;
  return { kind: 'incremental', family, node, nodeChanged, servicePorts, healthChecks, counts };
}

function build(work: Work, kind: DesiredChange['kind']): Built {
  if (!work.active) {
    work.active = true;
    for (const [key, service] of work.inputs.services) work.dirty.set(key, service);
  }
  const incremental = commit(work);
  const { state } = work;
  const triggerTimes = work.triggerTimes.take();
  return { change: kind === 'full' ? fullChange(state) : incremental, state, triggerTimes };
}

/** The Services that a change of node or configuration affects. */
function concerned(before: FamilyContext, after: FamilyContext, inputs: SharedInputs): Iterable<ObjectKey> {
  if (sameValue(before, after)) return [];
  const location = { ...before.location, zone: after.location.zone };
  const onlyZone = sameValue({ ...before, location }, after);
  return onlyZone ? inputs.slices.hinted() : inputs.services.keys();
}

function surroundingsChanged(work: Work): void {
  const { inputs, family } = work;
  const next = buildNode(inputs.surroundings, family);
  for (const key of concerned(work.built.context, next.context, inputs)) {
    mark(work, key, inputs.services.get(key));
  }
  work.built = next;
}

export function createFamilyState(family: Family, inputs: SharedInputs): FamilyState {
  const servicePorts = createStaging<DesiredServicePort>();
  const healthChecks = createStaging<DesiredHealthCheck>();
  const built = buildNode(inputs.surroundings, family);
  const work: Work = {
    family,
    inputs,
    servicePorts,
    healthChecks,
    dirty: new Map(),
    state: {
      family,
      node: built.node,
      servicePorts: servicePorts.committed,
      healthChecks: healthChecks.committed,
      counts: NO_COUNTS,
    },
    pendingServices: createPendingObjects(),
    pendingSlices: createPendingObjects(),
    triggerTimes: createTriggerTimes(),
    built,
    active: false,
  };
  const { state, pendingServices, pendingSlices, triggerTimes } = work;
  return {
    state,
    pendingServices,
    pendingSlices,
    triggerTimes,
    isActive: () => work.active,
    node: () => work.built,
    mark: (service, before) => mark(work, service, before),
    surroundingsChanged: () => surroundingsChanged(work),
    hasPending: () => hasPending(work),
    build: () => build(work, work.active ? 'incremental' : 'full'),
    rebuild: () => build(work, 'full'),
  };
}

/** Families never built do not count: on a single-stack node the count of the other family would otherwise never return to zero. */
export function pendingCounts(
  world: { readonly services: { readonly size: number }; readonly slices: { readonly size: number } },
  families: Readonly<Record<Family, FamilyState>>,
): ChangeCounts {
  const active = FAMILIES.map((family) => families[family]).filter((family) => family.isActive());
  if (active.length === 0) return { services: world.services.size, endpointSlices: world.slices.size };
  return {
    services: Math.max(...active.map(({ pendingServices }) => pendingServices.size)),
    endpointSlices: active.reduce((sum, { pendingSlices }) => sum + pendingSlices.size, 0),
  };
}
