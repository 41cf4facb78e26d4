/** The objects of single service ports in HNS, and differences as JSON. Reads only; state of syncs is copied. */
import {
  formatDifference,
  type ListedObject,
  objectStates,
  type NamedObject,
  selectServices,
} from '@signalbox/backend-kit';
import {
  type Difference,
  fail,
  type Inspection,
  type KernelObject,
  type KernelService,
  type Result,
  type ServicePortKey,
  succeed,
} from '@signalbox/core';
import type { BackendState } from './backend-state.ts';
import type { DesiredObjects } from './compile/desired-objects.ts';
import { configurationError, contextOf, isServed } from './context.ts';
import { listDifferences } from './diff/list-differences.ts';
import type { HeldState } from './diff/held-state.ts';
import { endpointFor } from './diff/plan.ts';
import { queryWorld, readHeldState } from './driver/read-hns.ts';
import { addressKey } from './objects/address.ts';
import type { DesiredLoadBalancer } from './objects/desired.ts';
import { driftOf } from './sync-round.ts';

interface Compared {
  readonly desired: DesiredObjects;
  readonly held: HeldState;
}

/** `null`: there is no desired state yet, or the network does not support this family. */
async function read(state: BackendState): Promise<Result<Compared | null>> {
  const { options } = state;
  const { node } = state.desired;
  const world = await queryWorld(state);
  if (!world.ok) return world;
  const { network, features, version } = world.value;
  if (node === null || !isServed(options, network)) return succeed(null);
  const context = contextOf(options, network, features, node);
  const error = configurationError(context, version);
  if (error !== null) return fail(error);
  const desired = state.desired.copy(context);
  const { hcn, family } = options;
  const held = await readHeldState({ hcn, family, network, owned: state.owned.copy() });
  return held.ok ? succeed({ desired, held: held.value }) : held;
}

/** Also what the last sync could not write, which is no drift. */
const NOTHING_KNOWN: ReadonlySet<string> = new Set();

function allDrift({ options }: BackendState, { desired, held }: Compared) {
  return driftOf({ options, desired, unsettled: NOTHING_KNOWN }, held);
}

export async function inspect(
  state: BackendState,
  keys: readonly ServicePortKey[] | null,
): Promise<Inspection> {
  const compared = await read(state);
  if (!compared.ok) return { outcome: 'failed', error: compared.error };
  const found = new Map<ServicePortKey, KernelService>();
  if (compared.value === null) return { outcome: 'ok', servicePorts: found };
  const { desired, held } = compared.value;
  const stateOf = objectStates(allDrift(state, compared.value));
  const balancers = byOwner(desired);
  for (const key of selectServices(desired.servicePorts, keys).keys()) {
    const objects = (balancers.get(key) ?? []).flatMap((each) => objectsOf(each, held));
    // HNS does not count connections.
    if (objects.length > 0) found.set(key, { objects: distinct(objects, stateOf), endpoints: [] });
  }
  return { outcome: 'ok', servicePorts: found };
}

function byOwner(desired: DesiredObjects): ReadonlyMap<ServicePortKey, readonly DesiredLoadBalancer[]> {
  const balancers = new Map<ServicePortKey, DesiredLoadBalancer[]>();
  for (const balancer of desired.frontends().values()) {
    const owned = balancers.get(balancer.owner) ?? [];
    balancers.set(balancer.owner, owned);
    owned.push(balancer);
  }
  return balancers;
}

interface FoundObject extends NamedObject {
  /** Missing in HNS, whether that is drift or not: HNS may have refused it, or the CNI plug-in not created it yet. */
  readonly isAbsent: boolean;
}

function objectsOf({ frontend, endpoints }: DesiredLoadBalancer, held: HeldState): readonly FoundObject[] {
  return [
    { type: 'load balancer', name: frontend, isAbsent: held.byFrontend(frontend) === undefined },
    ...endpoints.map((ref) => ({
      type: 'endpoint',
      name: ref.kind === 'named' ? ref.name : addressKey(ref.address),
      isAbsent: endpointFor(ref, held) === undefined,
    })),
  ];
}

function distinct(
  objects: readonly FoundObject[],
  stateOf: ReturnType<typeof objectStates>,
): readonly KernelObject[] {
  const unique = new Map(objects.map((object) => [`${object.type} ${object.name}`, object]));
  return [...unique.values()].map(({ type, name, isAbsent }) =>
    isAbsent ? { type, name, state: 'missing' } : stateOf({ type, name }),
  );
}

export async function difference(state: BackendState): Promise<Difference> {
  const compared = await read(state);
  if (!compared.ok) return { outcome: 'failed', error: compared.error };
  if (compared.value === null) return { outcome: 'ok', lines: [] };
  const { desired, held } = compared.value;
  const objects: readonly ListedObject[] = listDifferences(allDrift(state, compared.value), desired, held);
  return { outcome: 'ok', lines: formatDifference(objects) };
}
