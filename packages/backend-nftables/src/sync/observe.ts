import type { BackendError, CleanupResult, Drift, Observation } from '@signalbox/core';
import { driftOf } from '../diff/drift.ts';
import type { Slots } from '../diff/assign-slots.ts';
import type { Plan } from '../diff/plan.ts';
import { reconcile, reconcileStructure } from '../diff/reconcile.ts';
import type { DesiredObjects } from '../diff/desired-objects.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { nftFamily } from '../encode/rule-expressions.ts';
import { elementId, ENDPOINT_MAPS, TABLE } from '../objects/ruleset.ts';
import { type BackendState, type HeldTable, UNKNOWN } from './backend-state.ts';

/** Compares the whole table with what is desired; writes nothing. */
export async function observe(driver: NftablesDriver, state: BackendState): Promise<Observation> {
  const { desired, held } = state;
  if (desired === null || desired.node === null) return { outcome: 'ok', drift: [] };
  const quick = held.kind === 'held' ? await compareHeld(driver, desired, held) : null;
  if (quick !== null) return quick;
  const observed = await driver.observe(desired.staticSets());
  if (!observed.ok) return failed(observed.error);
  return { outcome: 'ok', drift: driftIn(reconcile(desired, observed.value).plan) };
}

/**
 * Element by element while they are listed, without a copy of them. `null`: some differ, which takes the whole table to name.
 */
async function compareHeld(
  driver: NftablesDriver,
  desired: DesiredObjects,
  { slots }: HeldTable,
): Promise<Observation | null> {
  const byMap = slotsByMap(slots);
  const observed = await driver.observe(desired.staticSets(), (set, key, data) => {
    const frontends = byMap.get(set);
    if (frontends !== undefined) return slotOf(frontends, key) === data;
    return desired.elements.get(elementId(set, key))?.data === data;
  });
  if (!observed.ok) return failed(observed.error);
  const { bySet, expected } = observed.value.elements;
  const isComplete = expected === desired.elements.size + filledSlots(slots);
  const hasOthers = [...bySet.values()].some(({ size }) => size > 0);
  if (!isComplete || hasOthers) return null;
  return { outcome: 'ok', drift: driftIn(reconcileStructure(desired, observed.value)) };
}

type SlotsByFrontend = Map<string, Slots>;

/** By map and frontend instead of by group: 100,000 elements would each need the text of a group's id. */
function slotsByMap(slots: HeldTable['slots']): ReadonlyMap<string, SlotsByFrontend> {
  const byMap = new Map(ENDPOINT_MAPS.map((map): [string, SlotsByFrontend] => [map, new Map()]));
  for (const [id, group] of slots) {
    const border = id.indexOf(' ');
    byMap.get(id.slice(0, border))?.set(id.slice(border + 1), group);
  }
  return byMap;
}

function slotOf(frontends: SlotsByFrontend, key: string): string | undefined {
  const border = key.lastIndexOf(' . ');
  return frontends.get(key.slice(0, border))?.[Number(key.slice(border + 3))];
}

function filledSlots(slots: HeldTable['slots']): number {
  let filled = 0;
  for (const group of slots.values()) {
    for (const endpoint of group) if (endpoint !== undefined) filled++;
  }
  return filled;
}

export function driftIn(plan: Plan): readonly Drift[] {
  return driftOf([...plan.operations(), ...plan.removals()]);
}

function failed(error: BackendError): Observation {
  return { outcome: 'failed', error };
}

/** Deletes the table, whether this backend wrote it or kube-proxy's nftables mode. */
export async function cleanUp(driver: NftablesDriver, state: BackendState): Promise<CleanupResult> {
  state.held = UNKNOWN;
  const deleted = await driver.deleteTable();
  if (!deleted.ok) return { outcome: 'failed', error: deleted.error };
  return { outcome: 'ok', removed: deleted.value ? [`table ${nftFamily(driver.family)} ${TABLE}`] : [] };
}
