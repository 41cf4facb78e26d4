/** The transactions that remove the owned rules of one table. Pure. */
import type { ListedTable } from '../encode/parse-save.ts';
import type { RestoreOperation, TableInput } from '../encode/restore-input.ts';
import { divideTable, type ListedJump, type Ownership } from './owned-rules.ts';
import { obsoleteChains, type ObsoleteChain } from './reconcile-rules.ts';

export interface TableRemoval {
  readonly jumps: readonly ListedJump[];
  /** Those that are referenced stay, and are only emptied. */
  readonly chains: readonly ObsoleteChain[];
  /** In their order. */
  readonly inputs: readonly TableInput[];
}

/** `size`: the maximum number of chains in a transaction. */
export function planRemoval(listed: ListedTable, own: Ownership, size: number): TableRemoval {
  const listing = divideTable(listed, own);
  const [jumps, chains] = [listing.jumps, obsoleteChains(listing)];
  const transactions = [jumps.map(removeJump), ...chainOperations(chains, size)];
  const inputs = transactions.map((operations) => ({ table: listed.table, operations }));
  return { jumps, chains, inputs: inputs.filter(({ operations }) => operations.length > 0) };
}

function removeJump({ chain, text }: ListedJump): RestoreOperation {
  return { kind: 'remove', chain, rule: text };
}

/** In several transactions, all chains are emptied before the first is removed, since they jump to one another. */
function chainOperations(
  chains: readonly ObsoleteChain[],
  size: number,
): readonly (readonly RestoreOperation[])[] {
  const isSplit = chains.length > size;
  const flushed = isSplit ? chains : chains.filter(({ isReferenced }) => isReferenced);
  const flush = flushed.map(({ name }): RestoreOperation => ({ kind: 'flush', chain: name }));
  const remove = chains
    .filter(({ isReferenced }) => !isReferenced)
    .map(({ name }): RestoreOperation => ({ kind: 'delete', chain: name }));
  return isSplit ? [...pieces(flush, size), ...pieces(remove, size)] : [[...flush, ...remove]];
}

function pieces<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < list.length; from += size) parts.push(list.slice(from, from + size));
  return parts;
}
