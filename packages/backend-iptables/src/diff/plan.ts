/**
 * Plans transactions, in their order, from pending changes. Reasons and measurements:
 * decisions/0006-transactions.md.
 */
import {
  type EncodedChain,
  type MissingJump,
  type RestoreOperation,
  type TableInput,
  type TableName,
  TABLES,
  targetChain,
} from '@signalbox/iptables';
import { PROXY_FIREWALL } from '../compile/names.ts';
import type { PendingWrite, RuleLedger } from './rule-ledger.ts';
import type { RefusalOrder } from './split-change.ts';

interface PlannedRemoval {
  readonly table: TableName;
  readonly name: string;
  /** Rules that are not owned jump to the chain: it is emptied and stays. */
  readonly keepEmpty: boolean;
}

/** One table; applied completely or not at all. */
export interface Transaction {
  readonly input: TableInput;
  readonly writes: readonly EncodedChain[];
  readonly removals: readonly PlannedRemoval[];
  readonly inserts: readonly MissingJump[];
}

/** One call of `iptables-restore`. */
export type Batch = readonly Transaction[];

/** The maximum number of chains in one call: bounds the text in memory at a time. */
export const CHAINS_PER_CALL = 2_500;

export interface PlanPolicy {
  /** The maximum number of chains in a transaction; `Infinity`: everything at once. */
  readonly chainsPerTransaction: number;
  /** The maximum number of rules, but a chain is never divided: `tighterLimit`. */
  readonly rulesPerTransaction: number;
}

/**
 * The nft variant's cost is quadratic in the chains that a transaction creates (0.11 µs by their square), hence
 * chunks. But at every transaction the kernel also checks all rules that packets can reach (0.5 µs each): the
 * more of them are in place, the larger the chunk of least cost.
 */
export function nftPolicy(reachableRules: number, rulesPerTransaction = Infinity): PlanPolicy {
  const cheapest = Math.round(Math.sqrt((0.5 / 0.11) * reachableRules));
  const chains = Math.min(Math.max(cheapest, 100), 1500, rulesPerTransaction);
  return { chainsPerTransaction: chains, rulesPerTransaction };
}

/** The legacy variant copies the whole table for each transaction, hence one. */
export const LEGACY_POLICY: PlanPolicy = { chainsPerTransaction: Infinity, rulesPerTransaction: Infinity };

/**
 * A transaction of the nft variant is one netlink message. Without CAP_NET_ADMIN outside of user namespaces its
 * size is limited (`net.core.wmem_max`), and the tool prints "Message too long". Returns the next limit to try; `null`: none.
 */
export function tighterLimit(rulesPerTransaction: number): number | null {
  if (rulesPerTransaction === Infinity) return 400;
  return rulesPerTransaction > 50 ? rulesPerTransaction / 2 : null;
}

/** `new-chains`: only chains that the kernel does not have, so that no packet traverses them. */
export type PlanPart = 'everything' | 'new-chains';

export interface PlanOptions {
  readonly policy: PlanPolicy;
  readonly order: RefusalOrder;
  readonly part: PlanPart;
}

/**
 * Refusals (filter) are written before the ways to endpoints (nat), or after them where they are removed: at any moment
 * a packet meets the old rules, the new ones, or a refusal, but never passes both without a match.
 * Jumps to the chain that drops packets from sources outside of the ranges come after nat: without nat's rules, they would drop
 * packets that ipvs mode serves until then at load-balancer IPs.
 * Stale chains are removed in the transaction that ends the last jump to them; if several transactions do, in the last one.
 */
export function planTransactions(
  ledger: RuleLedger,
  inserts: readonly MissingJump[],
  { policy, order, part }: PlanOptions,
): readonly Transaction[] {
  const pending = TABLES.flatMap((table) => [...ledger[table].writes.values()]);
  const writes = pending.toSorted((a, b) => a.rank - b.rank);
  const removals = TABLES.flatMap((table) => removalsOf(ledger, table));
  if (part === 'new-chains') return newChains(ledger, writes, policy);
  const late = new Set(writes.filter((write) => isLate(ledger, write, order)));
  const together = writes.length + removals.length <= policy.chainsPerTransaction;
  const early = writes.flatMap((write) => (late.has(write) ? withFormer(write, order) : [write]));
  const work = (table: TableName): TableWork => ({
    writes: early.filter((write) => write.table === table),
    inserts: inserts.filter((insert) => insert.table === table && !isFirewallJump(insert)),
    removals: together && table !== 'filter' ? removalsOf(ledger, table) : [],
  });
  const end = together ? removalsOf(ledger, 'filter') : [];
  return [
    ...chunks('filter', work('filter'), policy),
    ...chunks('mangle', work('mangle'), policy),
    ...chunks('nat', work('nat'), policy),
    ...chunks(
      'filter',
      { writes: [...late], inserts: inserts.filter(isFirewallJump), removals: end },
      policy,
    ),
    ...(together ? [] : TABLES.flatMap((table) => removalChunks(table, removalsOf(ledger, table), policy))),
  ];
}

export function isFirewallJump({ table, rule }: MissingJump): boolean {
  return table === 'filter' && targetChain(rule) === PROXY_FIREWALL;
}

function newChains(
  ledger: RuleLedger,
  pending: readonly PendingWrite[],
  policy: PlanPolicy,
): readonly Transaction[] {
  return TABLES.flatMap((table) => {
    const { held } = ledger[table];
    const writes = pending.filter((write) => write.table === table && !held.has(write.name));
    return chunks(table, { writes, inserts: [], removals: [] }, policy);
  });
}

/** A chain of refusals that is written after nat. */
function isLate(ledger: RuleLedger, write: PendingWrite, order: RefusalOrder): boolean {
  const { table, name, rules, former } = write;
  if (table !== 'filter' || order === 'refusals-first') return false;
  if (order === 'both') return former?.some((text) => !rules.includes(text)) === true;
  return ledger[table].held.has(name);
}

/** The rules of a chain while nat is written: every refusal, former or new. No refusal matches packets that nat translates. */
function withFormer(write: PendingWrite, order: RefusalOrder): readonly PendingWrite[] {
  const { former } = write;
  if (order !== 'both' || former === undefined) return [];
  const all = [...write.rules, ...former.filter((text) => !write.rules.includes(text))];
  // After a `goto` the rest of the chain would not be evaluated.
  const rules = all.map((text) => text.replace(/(^| )-g (\S+)$/, '$1-j $2'));
  return [{ ...write, rules, digest: 'former and new' }];
}

function removalsOf(ledger: RuleLedger, table: TableName): readonly PlannedRemoval[] {
  return [...ledger[table].removals].map(([name, how]) => ({ table, name, keepEmpty: how === 'empty' }));
}

interface TableWork {
  readonly writes: readonly PendingWrite[];
  readonly inserts: readonly MissingJump[];
  readonly removals: readonly PlannedRemoval[];
}

function chunks(table: TableName, work: TableWork, policy: PlanPolicy): readonly Transaction[] {
  const parts = slices(work.writes, policy);
  if (parts.length === 0 && hasRest(work)) parts.push([]);
  return parts.map((writes, index) => {
    const isLast = index === parts.length - 1;
    return transaction(table, {
      writes,
      inserts: isLast ? work.inserts : [],
      removals: isLast ? work.removals : [],
    });
  });
}

function slices(writes: readonly PendingWrite[], policy: PlanPolicy): PendingWrite[][] {
  const parts: PendingWrite[][] = [];
  let rules = 0;
  for (const write of writes) {
    const part = parts.at(-1);
    const size = write.rules.length;
    const fits =
      rules + size <= policy.rulesPerTransaction && (part?.length ?? 0) < policy.chainsPerTransaction;
    if (part !== undefined && fits) {
      part.push(write);
      rules += size;
    } else {
      parts.push([write]);
      rules = size;
    }
  }
  return parts;
}

function hasRest(work: TableWork): boolean {
  return work.inserts.length > 0 || work.removals.length > 0;
}

/** Stale chains may jump to one another: all are emptied before the first is removed. */
function removalChunks(
  table: TableName,
  removals: readonly PlannedRemoval[],
  { chainsPerTransaction: size }: PlanPolicy,
): readonly Transaction[] {
  const transactions: Transaction[] = [];
  if (removals.length > size) {
    for (let from = 0; from < removals.length; from += size) {
      const operations = removals
        .slice(from, from + size)
        .map(({ name }): RestoreOperation => ({ kind: 'flush', chain: name }));
      transactions.push({ input: { table, operations }, writes: [], removals: [], inserts: [] });
    }
  }
  for (let from = 0; from < removals.length; from += size) {
    const part = removals.slice(from, from + size);
    transactions.push(transaction(table, { writes: [], inserts: [], removals: part }));
  }
  return transactions;
}

function transaction(table: TableName, { writes, inserts, removals }: TableWork): Transaction {
  const created = inserts.filter((insert) => insert.create).map((insert) => insert.chain);
  const operations: readonly RestoreOperation[] = [
    ...[...new Set(created)].map((chain): RestoreOperation => ({ kind: 'create', chain })),
    ...writes.map(({ name, rules }): RestoreOperation => ({ kind: 'write', chain: name, rules })),
    ...inserts.map(({ chain, rule }): RestoreOperation => ({ kind: 'insert', chain, rule })),
    ...removals.map(({ name, keepEmpty }): RestoreOperation => ({
      kind: keepEmpty ? 'flush' : 'delete',
      chain: name,
    })),
  ];
  return { input: { table, operations }, writes, inserts, removals };
}

/** As few calls as possible: a process costs as much as a hundred chains. */
export function batchTransactions(transactions: readonly Transaction[]): readonly Batch[] {
  const batches: Transaction[][] = [];
  let room = 0;
  for (const transaction of transactions) {
    const size = transaction.writes.length + transaction.removals.length;
    if (batches.length === 0 || size > room) {
      batches.push([]);
      room = CHAINS_PER_CALL;
    }
    batches.at(-1)?.push(transaction);
    room -= size;
  }
  return batches;
}
