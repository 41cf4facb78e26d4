/** From the observed state of the kernel to the desired state. */
import { type Drift, familyOf } from '@signalbox/core';
import type { SetId } from '../compile/names.ts';
import { setName } from '../compile/names.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { PacketFilter } from '../objects/packet-filter.ts';
import { serverOfKey, type VirtualServerKey } from '../objects/virtual-server.ts';
import { isExcluded } from './ownership.ts';
import { boundAddresses, contents, counter, type PlanInput } from './plan-input.ts';
import { planServer } from './plan-servers.ts';
import { findMistyped, planRetype, planStraySets } from './plan-retype.ts';
import { compareEntries, isNarrowing, planEntries, planSets, type EntryStep } from './plan-sets.ts';
import { createPlan, type Plan } from './plan.ts';

export interface ReconcileInput extends PlanInput {
  readonly observed: Observed;
  /** Owned virtual servers, also such as were not listed. */
  readonly owned: ReadonlySet<VirtualServerKey>;
  readonly packetFilter: PacketFilter;
  /** How the rules in the kernel differ from it. */
  readonly packetFilterDrift: readonly Drift[];
}

export interface Reconciliation {
  readonly plan: Plan;
  /** Desired virtual servers that are not owned: not modified. */
  readonly conflicts: readonly VirtualServerKey[];
}

export function planReconciliation(input: ReconcileInput): Reconciliation {
  const plan = createPlan();
  if (input.observed.device === 'absent') plan.add('device', { kind: 'device-create' }, 'device');
  planSetsAndPacketFilter(plan, input);
  planAddresses(plan, input);
  planUnseen(plan, input);
  return { plan, conflicts: planServers(plan, input) };
}

function planServers(plan: Plan, input: ReconcileInput): readonly VirtualServerKey[] {
  const { observed, owned, desired, terminating, now } = input;
  const planner = { plan, terminating, now };
  const conflicts: VirtualServerKey[] = [];
  for (const key of desired.servers.keys()) {
    const held = observed.servers.get(key);
    if (held !== undefined && !owned.has(key)) conflicts.push(key);
    else
      planServer(planner, {
        key,
        owner: desired.servers.ownerOf(key),
        held,
        desired: desired.servers.get(key),
      });
  }
  for (const [key, held] of observed.servers) {
    if (!owned.has(key) || desired.servers.has(key) || isExcluded(input.excludeCIDRs, held.server)) continue;
    planServer(planner, { key, owner: key, held, desired: undefined });
  }
  return conflicts;
}

/**
 * Owned, no longer desired and not listed: gone, or missed by a listing during which another process deleted some. They are
 * deleted, and the kernel's reply shows which case it was.
 */
function planUnseen(plan: Plan, { owned, observed, desired, excludeCIDRs, family }: ReconcileInput): void {
  for (const key of owned) {
    if (observed.servers.has(key) || desired.servers.has(key)) continue;
    const server = serverOfKey(key);
    if (server === null || familyOf(server.address) !== family || isExcluded(excludeCIDRs, server)) continue;
    plan.addPrecaution('servers-deleted', { kind: 'server-delete', server }, key);
  }
}

function planSetsAndPacketFilter(plan: Plan, input: ReconcileInput): void {
  const { family, desired, observed, packetFilter, packetFilterDrift: drift } = input;
  const mistyped = findMistyped(family, observed.sets);
  const usable = new Map(observed.sets);
  for (const id of mistyped) usable.delete(setName(family, id));
  const space = (id: SetId): number | undefined => usable.get(setName(family, id))?.set.maxElements;
  const planner = { plan, family, count: counter(desired), space, content: contents(desired) };
  planSets(planner, observed.sets);
  const { added, deleted } = compareEntries(planner, usable);
  const later = ({ placed }: EntryStep): boolean => !mistyped.has(placed.set) || isNarrowing(placed.set);
  // Until its type is right again, a set takes no entries: not those that forbid, either.
  const ready = ({ owner, placed: { set, entry, guards } }: EntryStep): EntryStep => ({
    owner,
    placed: guards === true && !mistyped.has(set) ? { set, entry, guards } : { set, entry },
  });
  planEntries(planner, added.filter(later).map(ready), deleted);
  if (mistyped.size > 0) planRetype(planner, mistyped, packetFilter);
  else if (drift.length > 0) {
    const install = { kind: 'packet-filter-install', packetFilter } as const;
    plan.add('packet-filter', { ...install, drift, part: 'guards' }, 'packet filter');
    plan.add('packet-filter-rest', install, 'packet filter');
  }
  planStraySets(planner, mistyped, observed.sets);
}

function planAddresses(plan: Plan, { desired, observed }: ReconcileInput): void {
  const stale = new Set(observed.boundAddresses);
  for (const address of boundAddresses(desired)) {
    if (stale.delete(address)) continue;
    plan.add('addresses-added', { kind: 'address-add', address }, desired.addresses.ownerOf(address));
  }
  for (const address of stale) plan.add('addresses-deleted', { kind: 'address-delete', address }, address);
}
