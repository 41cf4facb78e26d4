/** The kernel's table against the desired one, as text. Reads only. */
import type { Difference } from '@signalbox/core';
import { reconcile } from '../diff/reconcile.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { differenceText } from '../format/difference-text.ts';
import type { BackendState } from './backend-state.ts';
import { observe } from './observe.ts';

export async function difference(driver: NftablesDriver, state: BackendState): Promise<Difference> {
  const { desired } = state;
  // Most often there is none, which is found without a copy of the table.
  const drift = await observe(driver, state);
  if (drift.outcome === 'failed') return drift;
  if (desired === null || drift.drift.length === 0) return { outcome: 'ok', lines: [] };
  const observed = await driver.observe(desired.staticSets());
  if (!observed.ok) return { outcome: 'failed', error: observed.error };
  const { plan } = reconcile(desired, observed.value);
  const lines = differenceText([...plan.operations(), ...plan.removals()], {
    family: driver.family,
    desired,
    observed: observed.value,
  });
  return { outcome: 'ok', lines };
}
