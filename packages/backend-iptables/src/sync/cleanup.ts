/** Removes the rules of iptables mode, in both variants (F87), except for those that another mode uses. */
import type { BackendError, CleanupResult } from '@signalbox/core';
import {
  divideTable,
  encodeRestore,
  encodeRule,
  type IptablesDriver,
  type KeptRules,
  listTables,
  type ListedJump,
  obsoleteChains,
  type OwnedRules,
  type Ownership,
  type RestoreOperation,
  type SharedRule,
  type TableInput,
  type TableName,
  TABLES,
  UNLISTED_RULE,
  withoutKept,
} from '@signalbox/iptables';
import { BASE_JUMPS } from '../compile/base-chains.ts';
import { MARK_MASQUERADE } from '../compile/names.ts';
import { nftPolicy } from '../diff/plan.ts';
import { OWNERSHIP } from './read-tables.ts';

/** `kept` is in the variant of `driver`. */
export async function cleanupVariants(
  driver: IptablesDriver,
  kept: KeptRules['rules'] | null = null,
): Promise<CleanupResult> {
  const other = await driver.otherVariant();
  const removed: string[] = [];
  const error =
    kept === 'all' ? null : await cleanupOne({ driver, own: withoutKept(OWNERSHIP, kept) }, removed);
  if (error !== null) return { outcome: 'failed', error };
  if (other === null) return { outcome: 'ok', removed };
  // An installed variant may be unusable: if the kernel supports one variant only, the other has no rules.
  const usable = (await other.save(() => undefined)).ok;
  const problem = usable ? await cleanupOne({ driver: other, own: OWNERSHIP }, removed) : null;
  await other.close();
  return problem === null ? { outcome: 'ok', removed } : { outcome: 'failed', error: problem };
}

interface VariantCleanup {
  readonly driver: IptablesDriver;
  /** What is removed. */
  readonly own: Ownership;
}

async function cleanupOne(cleanup: VariantCleanup, removed: string[]): Promise<BackendError | null> {
  const { driver, own } = cleanup;
  const tool = await driver.probe();
  if (!tool.ok) return tool.error;
  const hidden = await removeHiddenJumps(cleanup, removed);
  if (hidden !== null) return hidden;
  const saved = await listTables(driver);
  if (!saved.ok) return saved.error;
  const size = tool.value.variant === 'nft' ? nftPolicy(0).chainsPerTransaction : Infinity;
  for (const table of TABLES) {
    const work = cleanupWork(divideTable(saved.value[table], own));
    const inputs = cleanupInputs(table, work, size);
    if (inputs.length > 0) {
      const done = await driver.restore(encodeRestore(inputs));
      if (!done.ok) return done.error;
    }
    if (work.jumps.length > 0)
      removed.push(`${work.jumps.length} jumps in table ${table} (${tool.value.variant})`);
    if (work.chains.length > 0)
      removed.push(`${work.chains.length} chains in table ${table} (${tool.value.variant})`);
  }
  return null;
}

/** An earlier version added its jumps repeatedly where it could not list the chain. */
const MOST_COPIES = 10_000;

/** Jumps in chains that the tool cannot list: `iptables -C` finds them, one at a time. */
async function removeHiddenJumps(
  { driver, own }: VariantCleanup,
  removed: string[],
): Promise<BackendError | null> {
  const saved = await listTables(driver);
  if (!saved.ok) return saved.error;
  const isHidden = ({ table, chain, rule }: SharedRule): boolean =>
    saved.value[table].chains.get(chain)?.[0] === UNLISTED_RULE &&
    own.isOwnJump(table, chain, encodeRule(rule, driver.family));
  let copies = 0;
  for (const { table, chain, rule } of BASE_JUMPS.filter(isHidden)) {
    const text = encodeRule(rule, driver.family);
    const operations: readonly RestoreOperation[] = [{ kind: 'remove', chain, rule: text }];
    for (; copies < MOST_COPIES; copies++) {
      const found = await driver.hasRule(table, chain, text);
      if (!found.ok) return found.error;
      if (!found.value) break;
      const done = await driver.restore(encodeRestore([{ table, operations }]));
      if (!done.ok) return done.error;
    }
  }
  if (copies > 0) removed.push(`${copies} jumps in chains with rules made with nft`);
  return null;
}

interface CleanupWork {
  readonly jumps: readonly ListedJump[];
  /** To be emptied. */
  readonly chains: readonly string[];
  /** The subset that is kept: rules that are not owned lead to these chains. */
  readonly kept: ReadonlySet<string>;
}

/** Exists where a kubelet creates the masquerade chains itself (before Kubernetes 1.27). */
const OLD_KUBELET_CHAIN = 'KUBE-MARK-DROP';

function cleanupWork(listing: OwnedRules): CleanupWork {
  const shared = listing.others.has(OLD_KUBELET_CHAIN) ? [MARK_MASQUERADE] : [];
  const chains = obsoleteChains(listing)
    .map(({ name }) => name)
    .filter((name) => !shared.includes(name));
  return { jumps: listing.jumps, chains, kept: listing.referenced };
}

/** Jumps first; then all chains are emptied, since they jump to one another; then they are removed. */
function cleanupInputs(
  table: TableName,
  { jumps, chains, kept }: CleanupWork,
  size: number,
): readonly TableInput[] {
  if (jumps.length + chains.length === 0) return [];
  const remove = jumps.map(({ chain, text }): RestoreOperation => ({ kind: 'remove', chain, rule: text }));
  const doomed = chains.filter((name) => !kept.has(name));
  const flush = chains.map((chain): RestoreOperation => ({ kind: 'flush', chain }));
  const del = doomed.map((chain): RestoreOperation => ({ kind: 'delete', chain }));
  if (chains.length <= size) {
    const keptOnly = flush.filter((operation) => kept.has(operation.chain));
    return [
      { table, operations: remove },
      { table, operations: [...keptOnly, ...del] },
    ].filter(notEmpty);
  }
  const inputs = [remove, ...pieces(flush, size), ...pieces(del, size)];
  return inputs.map((operations) => ({ table, operations })).filter(notEmpty);
}

function notEmpty({ operations }: TableInput): boolean {
  return operations.length > 0;
}

function pieces<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < list.length; from += size) parts.push(list.slice(from, from + size));
  return parts;
}
