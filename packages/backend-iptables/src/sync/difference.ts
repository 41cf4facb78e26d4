/** Listed against desired rules, as text. Reads only. */
import { formatDifference, type ListedObject } from '@signalbox/backend-kit';
import type { Difference } from '@signalbox/core';
import {
  canonicalText,
  compareChain,
  type IptablesDriver,
  listChain,
  listRules,
  missingJumps,
  obsoleteChains,
  type OwnedTables,
  TABLES,
} from '@signalbox/iptables';
import type { RuleCompiler } from '../compile/rule-compiler.ts';
import type { State } from './backend-state.ts';
import { isIntact } from './observe-drift.ts';
import { observeTables } from './read-tables.ts';

export async function difference(driver: IptablesDriver, state: State): Promise<Difference> {
  // `all` changes the trees of the compiler, which a sync may be using.
  const compiler = state.compiler?.copy() ?? null;
  if (compiler === null) return { outcome: 'ok', lines: [] };
  const intact = await isIntact(driver, compiler, state);
  if (typeof intact !== 'boolean') return { outcome: 'failed', error: intact };
  if (intact) return { outcome: 'ok', lines: [] };
  const observed = await observeTables(driver, compiler.shared());
  if (!observed.ok) return { outcome: 'failed', error: observed.error };
  const objects = differingObjects({ driver, state, compiler }, observed.value);
  return { outcome: 'ok', lines: formatDifference(objects) };
}

interface Desired {
  readonly driver: IptablesDriver;
  readonly state: State;
  readonly compiler: RuleCompiler;
}

/** Chains that are as desired are removed from the listing one by one. */
function* differingObjects(
  { driver: { family }, state, compiler }: Desired,
  listing: OwnedTables,
): Generator<ListedObject> {
  for (const { chain } of compiler.all(state.refused.all)) {
    const { table, name } = chain;
    const listed = listing[table].own.get(name);
    listing[table].own.delete(name);
    const { desired, isSame } = compareChain(chain, listed, family);
    if (isSame) continue;
    const kernel = listed?.map((text) => canonicalText(text, family));
    yield listChain({ table, name }, kernel, desired.rules);
  }
  const jumps = { jumps: compiler.shared(), family };
  for (const { table, chain, rule } of missingJumps(jumps, (at, name) => listing[at].others.get(name)))
    yield listRules({ table, name: chain }, [], [rule]);
  for (const table of TABLES) {
    for (const { name, rules, isReferenced } of obsoleteChains(listing[table]))
      yield listChain({ table, name }, rules, isReferenced ? [] : undefined);
  }
}
