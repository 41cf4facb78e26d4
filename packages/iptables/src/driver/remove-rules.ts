/** Removes the rules of one mode, in both variants of iptables, except for those that another mode uses. */
import { type Result, succeed } from '@signalbox/core';
import { type Ownership, withoutKept } from '../diff/owned-rules.ts';
import { planRemoval } from '../diff/plan-removal.ts';
import { type ListedTables, UNLISTED_RULE } from '../encode/parse-save.ts';
import { encodeRestore, type RestoreOperation } from '../encode/restore-input.ts';
import { encodeRule } from '../encode/rule-text.ts';
import { type SharedRule, TABLES, type TableName } from '../objects/rule.ts';
import { listTables, type IptablesDriver, type KeptRules, type Variant } from './iptables-driver.ts';

/** The rules of one mode, as `removeRules` recognizes them. */
export interface Removal {
  /** The rules of the mode among these. `kept`: those that another mode uses, which stay in any case. */
  readonly own: (listed: ListedTables, kept: Ownership | null) => Ownership;
  /** Its rules in chains that are not owned: searched one by one in chains that the tool cannot list. */
  readonly jumps: readonly SharedRule[];
  /** The maximum number of chains in a transaction; by default everything at once. */
  readonly chainsPerTransaction?: (variant: Variant) => number;
}

/** `kept` is in the variant of `driver`. Returns what was removed, in words. */
export async function removeRules(
  driver: IptablesDriver,
  removal: Removal,
  kept: KeptRules['rules'] | null = null,
): Promise<Result<readonly string[]>> {
  const removed = kept === 'all' ? succeed([]) : await removeFromOne(driver, removal, kept);
  const other = removed.ok ? await driver.otherVariant() : null;
  if (!removed.ok || other === null) return removed;
  // An installed variant may be unusable: if the kernel supports one variant only, the other has no rules.
  const isUsable = (await other.save(() => undefined)).ok;
  const more: Result<readonly string[]> = isUsable ? await removeFromOne(other, removal, null) : succeed([]);
  await other.close();
  return more.ok ? succeed([...removed.value, ...more.value]) : more;
}

async function removeFromOne(
  driver: IptablesDriver,
  removal: Removal,
  kept: Ownership | null,
): Promise<Result<readonly string[]>> {
  const tool = await driver.probe();
  if (!tool.ok) return tool;
  const { variant } = tool.value;
  const saved = await listTables(driver);
  if (!saved.ok) return saved;
  const own = withoutKept(removal.own(saved.value, kept), kept);
  const isHidden = ({ table, chain, text }: HiddenRule): boolean =>
    saved.value[table].chains.get(chain)?.[0] === UNLISTED_RULE && own.isOwnJump(table, chain, text);
  const jumps = removal.jumps.map(({ table, chain, rule }) => {
    return { table, chain, text: encodeRule(rule, driver.family) };
  });
  const hidden = await removeHiddenJumps(driver, jumps.filter(isHidden));
  if (!hidden.ok) return hidden;
  const removed = hidden.value > 0 ? [`${hidden.value} jumps in chains with rules made with nft`] : [];
  const size = removal.chainsPerTransaction?.(variant) ?? Infinity;
  for (const table of TABLES) {
    const { jumps, chains, inputs } = planRemoval(saved.value[table], own, size);
    const done = inputs.length > 0 ? await driver.restore(encodeRestore(inputs)) : succeed(null);
    if (!done.ok) return done;
    const place = `in table ${table} (${variant})`;
    if (jumps.length > 0) removed.push(`${jumps.length} jumps ${place}`);
    if (chains.length > 0) removed.push(`${chains.length} chains ${place}`);
  }
  return succeed(removed);
}

interface HiddenRule {
  readonly table: TableName;
  readonly chain: string;
  readonly text: string;
}

/** An earlier version added its jumps repeatedly where it could not list the chain. */
const MOST_COPIES = 10_000;

/** Jumps in chains that the tool cannot list: `iptables -C` finds them, one at a time. Returns their number. */
async function removeHiddenJumps(
  driver: IptablesDriver,
  jumps: readonly HiddenRule[],
): Promise<Result<number>> {
  let copies = 0;
  for (const { table, chain, text } of jumps) {
    const operations: readonly RestoreOperation[] = [{ kind: 'remove', chain, rule: text }];
    for (; copies < MOST_COPIES; copies++) {
      const found = await driver.hasRule(table, chain, text);
      if (!found.ok) return found;
      if (!found.value) break;
      const done = await driver.restore(encodeRestore([{ table, operations }]));
      if (!done.ok) return done;
    }
  }
  return succeed(copies);
}
