/** The recorded content of each table in the kernel, and the changes still to be made. */
import { createLedger, type Ledger } from '@signalbox/backend-kit';
import { type EncodedChain, type HeldChain, type TableName, TABLES } from '@signalbox/iptables';

export interface PendingWrite extends EncodedChain {
  readonly rank: number;
  /** Its rules before the write, if they were read and matter to the order of transactions. */
  readonly former?: readonly string[];
}

/** `empty`: rules that are not owned jump to the chain, so that it cannot be removed. */
type Removal = 'remove' | 'empty';

/** By name of the chain. The size of a chain is its number of rules. */
export type TableLedger = Ledger<HeldChain, PendingWrite, Removal>;

export type RuleLedger = Readonly<Record<TableName, TableLedger>>;

export function createRuleLedger(): RuleLedger {
  const create = (): TableLedger => createLedger<HeldChain, PendingWrite, Removal>(({ rules }) => rules);
  return { filter: create(), mangle: create(), nat: create() };
}

export function isSettled(ledger: RuleLedger): boolean {
  return TABLES.every((table) => ledger[table].isSettled);
}

export function isPending({ writes, removals }: TableLedger, chain: string): boolean {
  return writes.has(chain) || removals.has(chain);
}
