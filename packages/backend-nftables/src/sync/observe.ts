import type { CleanupResult, Observation } from '@signalbox/core';
import { driftOf } from '../diff/drift.ts';
import { reconcile } from '../diff/reconcile.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { nftFamily } from '../encode/rule-expressions.ts';
import { TABLE } from '../objects/ruleset.ts';
import { type BackendState, UNKNOWN } from './backend-state.ts';

/** Compares the whole table with what is wanted; writes nothing. */
export async function observe(driver: NftablesDriver, { wanted }: BackendState): Promise<Observation> {
  if (wanted === null || wanted.node === null) return { outcome: 'ok', drift: [] };
  const observed = await driver.observe(wanted.staticSets());
  if (!observed.ok) return { outcome: 'failed', error: observed.error };
  const { plan } = reconcile(wanted, observed.value);
  return { outcome: 'ok', drift: driftOf([...plan.operations(), ...plan.removals()]) };
}

/** Deletes the table, whether this backend wrote it or kube-proxy's nftables mode. */
export async function cleanUp(driver: NftablesDriver, state: BackendState): Promise<CleanupResult> {
  state.held = UNKNOWN;
  const deleted = await driver.deleteTable();
  if (!deleted.ok) return { outcome: 'failed', error: deleted.error };
  return { outcome: 'ok', removed: deleted.value ? [`table ${nftFamily(driver.family)} ${TABLE}`] : [] };
}
