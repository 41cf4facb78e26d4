/**
 * Events in, changes of desired state out. An event replaces one decoded object; if its value differs, the
 * services it concerns are marked in each family. A build computes the marked services anew, compares them by
 * value with what was built before and returns the difference. Which services a change concerns:
 *
 * - a Service: itself, and those that compete with it for an address (frontend-conflicts.ts);
 * - an EndpointSlice: its service, in its family;
 * - the node's zone: services with topology hints; other settings of node and configuration: all.
 */
import { decodeEndpointSlice } from '../decode/decode-endpoint-slice.ts';
import { decodeNode } from '../decode/decode-node.ts';
import { decodeService } from '../decode/decode-service.ts';
import { decodeServiceCidr } from '../decode/decode-service-cidr.ts';
import { createInternPool } from '../decode/intern.ts';
import type { Surroundings } from '../desired/build-node.ts';
import type { InputProblem, InterfaceAddress, ObjectEvent } from '../input.ts';
import type { SliceModel } from '../model/endpoint-slice.ts';
import { FAMILIES, type Family } from '../model/family.ts';
import type { NodeModel } from '../model/node.ts';
import { sameValue } from '../model/same-value.ts';
import type { ServiceModel } from '../model/service.ts';
import { objectKey, type ObjectKey } from '../model/service-port-name.ts';
import { createFrontendConflicts, type FrontendConflicts } from './frontend-conflicts.ts';
import { createSliceStore, type SliceStore } from './endpoint-slices.ts';
import { createFamilyState, pendingCounts, type FamilyState, type SharedInputs } from './family-state.ts';
import type { ModelConfig } from '../model/model-config.ts';
import type { Model } from './model-types.ts';
import { createNodeStore, type NodeStore } from './node.ts';
import { createObjectNotes, type ObjectNotes } from './object-notes.ts';
import { trackedService } from './tracked-service.ts';

const NO_PROBLEMS: readonly InputProblem[] = Object.freeze([]);

/** Everything that events change; one per model. */
interface World {
  readonly services: Map<ObjectKey, ServiceModel>;
  readonly slices: SliceStore;
  readonly nodes: NodeStore;
  readonly notes: ObjectNotes;
  readonly serviceCIDRs: Map<string, readonly string[]>;
  frontendConflicts: FrontendConflicts;
  config: ModelConfig;
  interfaces: readonly InterfaceAddress[];
  surroundings: Surroundings;
}

function surroundingsOf(world: Omit<World, 'surroundings' | 'frontendConflicts' | 'notes'>): Surroundings {
  const { config, interfaces, nodes, serviceCIDRs } = world;
  return {
    config,
    interfaces,
    node: nodes.view(config.nodeName, config.nodeIPOverride),
    serviceCIDRs: [...new Set([...serviceCIDRs.values()].flat())].sort(),
  };
}

function conflictsFor(
  services: ReadonlyMap<ObjectKey, ServiceModel>,
  config: ModelConfig,
): FrontendConflicts {
  const frontendConflicts = createFrontendConflicts({
    externalIPs: config.externalIPs ? 'served' : 'ignored',
    service: (key) => services.get(key),
  });
  for (const service of services.values()) frontendConflicts.replace(undefined, service);
  return frontendConflicts;
}

function createWorld(config: ModelConfig): World {
  const services = new Map<ObjectKey, ServiceModel>();
  const nodes = createNodeStore();
  const serviceCIDRs = new Map<string, readonly string[]>();
  const base = {
    services,
    slices: createSliceStore(),
    nodes,
    notes: createObjectNotes(),
    serviceCIDRs,
    config,
    interfaces: [],
  };
  return { ...base, frontendConflicts: conflictsFor(services, config), surroundings: surroundingsOf(base) };
}

type Families = Readonly<Record<Family, FamilyState>>;

function refreshSurroundings(world: World, families: Families): void {
  world.surroundings = surroundingsOf(world);
  for (const family of FAMILIES) families[family].surroundingsChanged();
}

function replaceService(
  world: World,
  families: Families,
  change: { readonly key: ObjectKey; readonly after: ServiceModel | undefined },
): void {
  const { key, after } = change;
  const before = world.services.get(key);
  if (sameValue(before, after)) return;
  for (const family of FAMILIES) {
    families[family].mark(key, before);
    if (families[family].isActive()) families[family].pendingServices.note(key, before, after);
  }
  if (after === undefined) world.services.delete(key);
  else world.services.set(key, after);
  for (const other of world.frontendConflicts.replace(before, after)) {
    for (const family of FAMILIES) families[family].mark(other, world.services.get(other));
  }
}

function replaceSlice(
  world: World,
  families: Families,
  change: {
    readonly key: ObjectKey;
    readonly after: SliceModel | undefined;
    readonly triggerTime: number | null;
  },
): void {
  const { key, after, triggerTime } = change;
  const before = world.slices.get(key);
  for (const { service, family } of world.slices.replace(key, after)) {
    const { mark, isActive, pendingSlices, triggerTimes } = families[family];
    mark(service, world.services.get(service));
    if (isActive()) pendingSlices.note(key, before, after);
    if (after?.service !== service) triggerTimes.drop(service);
    else if (triggerTime !== null) triggerTimes.add(service, triggerTime);
  }
}

function replaceNode(
  world: World,
  families: Families,
  change: { readonly name: string; readonly after: NodeModel | undefined },
): void {
  const { name, after } = change;
  const isOwn = name === world.config.nodeName;
  if (after === undefined) world.nodes.remove(name, isOwn ? 'keep-last' : 'forget');
  else world.nodes.set(after);
  if (isOwn) refreshSurroundings(world, families);
}

function replaceServiceCidr(
  world: World,
  families: Families,
  change: { readonly name: string; readonly after: readonly string[] | undefined },
): void {
  if (change.after === undefined) world.serviceCIDRs.delete(change.name);
  else world.serviceCIDRs.set(change.name, change.after);
  refreshSurroundings(world, families);
}

function applyDelete(
  world: World,
  families: Families,
  event: Extract<ObjectEvent, { type: 'delete' }>,
): void {
  const key = objectKey(event.namespace || 'default', event.name);
  world.notes.forget(event.resource, key);
  switch (event.resource) {
    case 'Service':
      replaceService(world, families, { key, after: undefined });
      break;
    case 'EndpointSlice':
      replaceSlice(world, families, { key, after: undefined, triggerTime: null });
      break;
    case 'Node':
      replaceNode(world, families, { name: event.name, after: undefined });
      break;
    case 'ServiceCIDR':
      replaceServiceCidr(world, families, { name: event.name, after: undefined });
  }
}

type Upsert = Extract<ObjectEvent, { type: 'upsert' }>;

function createUpsert(world: World, families: Families): (event: Upsert) => readonly InputProblem[] {
  const pool = createInternPool();
  return ({ resource, object }) => {
    switch (resource) {
      case 'Service': {
        const { key, value, problems, ignored } = decodeService(object);
        if (key === null) return problems;
        replaceService(world, families, { key, after: value ?? undefined });
        return world.notes.note('Service', key, { problems, ignored });
      }
      case 'EndpointSlice': {
        const { key, value, problems, triggerTime } = decodeEndpointSlice(object, pool);
        if (key === null) return problems;
        replaceSlice(world, families, { key, after: value ?? undefined, triggerTime });
        return world.notes.note('EndpointSlice', key, { problems, ignored: null });
      }
      case 'Node': {
        const { key, value, problems } = decodeNode(object);
        if (key !== null) replaceNode(world, families, { name: key, after: value ?? undefined });
        return problems;
      }
      case 'ServiceCIDR': {
        const { key, value, problems } = decodeServiceCidr(object);
        if (key !== null) replaceServiceCidr(world, families, { name: key, after: value ?? undefined });
        return problems;
      }
    }
  };
}

/** The model of one node; see `Model`. */
export function createModel(config: ModelConfig): Model {
  const world = createWorld(config);
  const shared: SharedInputs = world;
  const families: Families = {
    IPv4: createFamilyState('IPv4', shared),
    IPv6: createFamilyState('IPv6', shared),
  };
  const upsert = createUpsert(world, families);
  return {
    apply(event) {
      if (event.type === 'upsert') return upsert(event);
      applyDelete(world, families, event);
      return NO_PROBLEMS;
    },
    conflicts: () => world.frontendConflicts.conflicts(),
    configure(next) {
      const reclaim = next.externalIPs !== world.config.externalIPs;
      world.config = next;
      if (reclaim) world.frontendConflicts = conflictsFor(world.services, next);
      refreshSurroundings(world, families);
    },
    setInterfaceAddresses(addresses) {
      // Called before each sync: the node is built again only if something changed.
      if (sameValue(world.interfaces, addresses)) return;
      world.interfaces = addresses;
      refreshSurroundings(world, families);
    },
    hasPending: (family) => families[family].hasPending(),
    pending: () => pendingCounts(world, families),
    build: (family) => families[family].build(),
    rebuild: (family) => families[family].rebuild(),
    state: (family) => families[family].state,
    node: () => world.surroundings.node,
    tracked: (service) => trackedService(world, families, service),
    services: () => [...world.services.keys(), ...world.notes.ignoredServices()],
    endpointAddresses: (family) => world.slices.addresses(family),
  };
}
