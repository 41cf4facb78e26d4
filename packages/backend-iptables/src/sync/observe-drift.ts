/** Which desired rules the kernel does not have. Changes nothing. */
import type { BackendError, Observation } from '@signalbox/core';
import { askForUnlisted, missingJumps, type IptablesDriver, type TableName } from '@signalbox/iptables';
import { isOwnChain } from '../compile/names.ts';
import type { RuleCompiler } from '../compile/rule-compiler.ts';
import { createQuickCheck } from '../diff/quick-check.ts';
import { createRuleLedger, isSettled } from '../diff/rule-ledger.ts';
import { createComparison } from './compare-rules.ts';
import { observeTables } from './read-tables.ts';
import { ledgerOf, type State } from './backend-state.ts';

/** `compiler`: one that nothing else uses, where a sync may run at the same time. */
export async function observeDrift(
  driver: IptablesDriver,
  state: State,
  compiler: RuleCompiler | null = state.compiler,
): Promise<Observation> {
  const intact = compiler === null ? false : await isIntact(driver, compiler, state);
  if (typeof intact !== 'boolean') return { outcome: 'failed', error: intact };
  if (intact) return { outcome: 'ok', drift: [] };
  const observed = await observeTables(driver, compiler?.shared() ?? []);
  if (!observed.ok) return { outcome: 'failed', error: observed.error };
  if (compiler === null) return { outcome: 'ok', drift: [] };
  const desired = { family: driver.family, shared: compiler.shared() };
  const comparison = createComparison(desired, observed.value, createRuleLedger());
  for (const chain of compiler.all(state.refused.all)) comparison.add(chain);
  comparison.end();
  return { outcome: 'ok', drift: comparison.drift };
}

/** Compares with the ledger, if it is known and has everything desired. `false`: a full comparison is needed. */
export async function isIntact(
  driver: IptablesDriver,
  compiler: RuleCompiler,
  state: State,
): Promise<boolean | BackendError> {
  const ledger = ledgerOf(state);
  if (ledger === null || !isSettled(ledger)) return false;
  const check = createQuickCheck(ledger, driver.family, isOwnChain);
  const saved = await driver.save(check.take);
  if (!saved.ok) return saved.error;
  const jumps = { jumps: compiler.shared(), family: driver.family };
  const unowned = await askForUnlisted(driver, check.unowned, jumps.jumps);
  if (!unowned.ok) return unowned.error;
  const rulesOf = (table: TableName, chain: string) => unowned.value[table].chains.get(chain);
  return check.differences().length === 0 && missingJumps(jumps, rulesOf).length === 0;
}
