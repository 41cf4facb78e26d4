import { buildNode, type BuiltNode, type Surroundings } from '../desired/build-node.ts';
import { buildServicePort, type FamilyContext } from '../desired/build-service-port.ts';
import { addCounts, countsOf, NO_COUNTS } from '../desired/counts.ts';
import { fullChange, type ChangeSet, type DesiredChange } from '../desired/desired-change.ts';
import type { DesiredHealthCheck, DesiredServicePort, DesiredState } from '../desired/desired-state.ts';
import { healthCheck } from '../desired/health-check.ts';
import type { Family } from '../model/family.ts';
import { sameValue } from '../model/same-value.ts';
import type { ServiceModel } from '../model/service.ts';
import type { ObjectKey, ServicePortKey } from '../model/service-port-name.ts';
import { collectCandidates, type Candidate } from '../select/candidate.ts';
import type { Claims } from './claims.ts';
import type { SliceStore } from './endpoint-slices.ts';
import type { Built } from './model-types.ts';
import { createPendingObjects, type PendingObjects } from './pending.ts';
import { createStaging } from './staging.ts';
import { createTriggerTimes, type TriggerTimes } from './trigger-times.ts';

/** What both families read. `claims` and `surroundings` are replaced when the configuration is. */
export interface SharedInputs {
  readonly services: ReadonlyMap<ObjectKey, ServiceModel>;
  readonly slices: SliceStore;
  readonly claims: Claims;
  readonly surroundings: Surroundings;
}

/** One family's desired state and the work still to do on it. Nothing is computed before the first build. */
export interface FamilyState {
  readonly state: DesiredState;
  /** Has been built at least once. */
  readonly isActive: () => boolean;
  readonly pendingServices: PendingObjects;
  readonly pendingSlices: PendingObjects;
  readonly triggerTimes: TriggerTimes;
  /** To be computed anew; `before` is the Service as it was until now. */
  mark(service: ObjectKey, before: ServiceModel | undefined): void;
  surroundingsChanged(): void;
  hasPending(): boolean;
  build(): Built;
  rebuild(): Built;
}

/** All ports of a service, and the candidates of each. */
function candidatesByPort(
  service: ServiceModel,
  inputs: SharedInputs,
  context: FamilyContext,
): Map<ServicePortKey, Candidate[]> {
  const slices = service.headless ? [] : inputs.slices.of(service.key, context.family);
  const { name } = context.location;
  return new Map(service.ports.map((port) => [port.key, collectCandidates(slices, port.name, name)]));
}

interface BuiltService {
  readonly servicePorts: ReadonlyMap<ServicePortKey, DesiredServicePort>;
  readonly healthCheck: DesiredHealthCheck | null;
}

const NOTHING: BuiltService = { servicePorts: new Map(), healthCheck: null };

/** A service in one family, less the frontends that other services hold. */
function buildService(service: ServiceModel, inputs: SharedInputs, context: FamilyContext): BuiltService {
  const { family } = context;
  const addresses = service.addresses[family];
  if (addresses === undefined) return NOTHING;
  const candidates = candidatesByPort(service, inputs, context);
  const servicePorts = new Map<ServicePortKey, DesiredServicePort>();
  for (const port of service.ports) {
    const { key, name } = port;
    const built = buildServicePort(service, port, candidates.get(key) ?? [], { ...context, addresses });
    const scope = { family, protocol: name.protocol };
    const held = built.frontends.filter((frontend) => inputs.claims.holds(key, frontend, scope));
    if (held.length === built.frontends.length) servicePorts.set(key, built);
    else if (held.length > 0) servicePorts.set(key, { ...built, frontends: held });
  }
  return { servicePorts, healthCheck: healthCheck(service, [...candidates.values()].flat()) };
}

/** Node, zone or address: which services does a change of these concern? */
function concerned(before: FamilyContext, after: FamilyContext, inputs: SharedInputs): Iterable<ObjectKey> {
  if (sameValue(before, after)) return [];
  const sameBut = { ...before, location: { ...before.location, zone: after.location.zone } };
  return sameValue(sameBut, after) ? inputs.slices.hinted() : inputs.services.keys();
}

export function createFamilyState(family: Family, inputs: SharedInputs): FamilyState {
  const servicePorts = createStaging<DesiredServicePort>();
  const healthChecks = createStaging<DesiredHealthCheck>();
  /** Each with the Service of the last time it was computed: its ports may have to go. */
  const dirty = new Map<ObjectKey, ServiceModel | undefined>();
  const pendingServices = createPendingObjects();
  const pendingSlices = createPendingObjects();
  const triggerTimes = createTriggerTimes();
  let built: BuiltNode = buildNode(inputs.surroundings, family);
  let active = false;
  const state = {
    family,
    node: built.node,
    servicePorts: servicePorts.committed,
    healthChecks: healthChecks.committed,
    counts: NO_COUNTS,
  };

  const refresh = (key: ObjectKey, before: ServiceModel | undefined): void => {
    const service = inputs.services.get(key);
    const wanted = service === undefined ? NOTHING : buildService(service, inputs, built.context);
    for (const port of before?.ports ?? []) {
      if (!wanted.servicePorts.has(port.key)) servicePorts.stage(port.key, null);
    }
    for (const port of service?.ports ?? []) {
      servicePorts.stage(port.key, wanted.servicePorts.get(port.key) ?? null);
    }
    healthChecks.stage(key, wanted.healthCheck);
  };
  const settle = (): void => {
    for (const [key, before] of dirty) refresh(key, before);
    dirty.clear();
  };
  const activate = (): void => {
    if (active) return;
    active = true;
    for (const [key, service] of inputs.services) dirty.set(key, service);
  };
  const recount = (changes: ChangeSet<DesiredServicePort>): void => {
    let total = state.counts;
    for (const after of changes.added) total = addCounts(total, countsOf(after), 1);
    for (const { before, after } of changes.changed) {
      total = addCounts(addCounts(total, countsOf(before), -1), countsOf(after), 1);
    }
    for (const before of changes.removed) total = addCounts(total, countsOf(before), -1);
    if (!sameValue(total, state.counts)) state.counts = total;
  };
  const commit = (): DesiredChange => {
    activate();
    settle();
    const nodeChanged = !sameValue(state.node, built.node);
    if (nodeChanged) state.node = built.node;
    const change = { servicePorts: servicePorts.commit(), healthChecks: healthChecks.commit() };
    recount(change.servicePorts);
    pendingServices.clear();
    pendingSlices.clear();
    return { kind: 'incremental', family, node: state.node, nodeChanged, ...change, counts: state.counts };
  };
  const finish = (kind: DesiredChange['kind']): Built => {
    const incremental = commit();
    const times = triggerTimes.take();
    return { change: kind === 'full' ? fullChange(state) : incremental, state, triggerTimes: times };
  };

  return {
    state,
    isActive: () => active,
    pendingServices,
    pendingSlices,
    triggerTimes,
    mark: (service, before) => {
      if (active && !dirty.has(service)) dirty.set(service, before);
    },
    surroundingsChanged() {
      const next = buildNode(inputs.surroundings, family);
      if (active) {
        for (const key of concerned(built.context, next.context, inputs)) {
          if (!dirty.has(key)) dirty.set(key, inputs.services.get(key));
        }
      }
      built = next;
    },
    hasPending() {
      if (!active) return true;
      settle();
      return servicePorts.size > 0 || healthChecks.size > 0 || !sameValue(state.node, built.node);
    },
    build: () => finish(active ? 'incremental' : 'full'),
    rebuild: () => finish('full'),
  };
}
