import type { BackendError } from '@signalbox/core';
import {
  digestOf,
  encodeRestore,
  type IptablesDriver,
  type MissingJump,
  type Variant,
} from '@signalbox/iptables';
import {
  LEGACY_POLICY,
  nftPolicy,
  planTransactions,
  batchTransactions,
  type PlanPart,
  type Transaction,
} from '../diff/plan.ts';
import type { RuleLedger } from '../diff/rule-ledger.ts';
import type { RefusalOrder } from '../diff/split-change.ts';

/** What one run of `iptables-restore` or several of them did. */
export interface Applied {
  rulesWrittenNat: number;
  rulesWrittenFilter: number;
  chainsWritten: number;
  chainsRemoved: number;
  transactions: number;
  /** Calls of `iptables-restore`. */
  restores: number;
  restoreFailures: number;
}

export function nothingApplied(): Applied {
  return {
    rulesWrittenNat: 0,
    rulesWrittenFilter: 0,
    chainsWritten: 0,
    chainsRemoved: 0,
    transactions: 0,
    restores: 0,
    restoreFailures: 0,
  };
}

export interface PlanInput {
  readonly ledger: RuleLedger;
  readonly inserts: readonly MissingJump[];
  readonly driver: IptablesDriver;
  readonly variant: Variant;
  /** Rules in nat that packets can meet before anything of this is written. */
  readonly reachableRules: number;
  readonly order: RefusalOrder;
  readonly part: PlanPart;
  readonly applied: Applied;
  /** See `tighterLimit`. */
  readonly rulesPerTransaction: number;
}

/** Carries out what the ledger plans, and notes what is done. Stops at the first failure. */
export async function applyPlan({
  ledger,
  inserts,
  driver,
  variant,
  reachableRules,
  order,
  part,
  applied,
  rulesPerTransaction,
}: PlanInput): Promise<BackendError | null> {
  const policy = variant === 'nft' ? nftPolicy(reachableRules, rulesPerTransaction) : LEGACY_POLICY;
  const transactions = planTransactions(ledger, inserts, { policy, order, part });
  for (const batch of batchTransactions(transactions)) {
    applied.restores++;
    const done = await driver.restore(encodeRestore(batch.map(({ input }) => input)));
    if (!done.ok) {
      applied.restoreFailures++;
      return done.error;
    }
    for (const transaction of batch) settle(ledger, transaction, applied);
  }
  return null;
}

function settle(ledger: RuleLedger, transaction: Transaction, applied: Applied): void {
  applied.transactions++;
  for (const { table, name, rules, digest } of transaction.writes) {
    ledger.hold(table, name, { digest, rules: rules.length });
    applied.chainsWritten++;
    if (table === 'nat') applied.rulesWrittenNat += rules.length;
    if (table === 'filter') applied.rulesWrittenFilter += rules.length;
  }
  for (const { table, name, keepEmpty } of transaction.removals) {
    ledger.drop(table, name);
    if (keepEmpty) ledger.hold(table, name, { digest: digestOf([]), rules: 0 });
    applied.chainsRemoved++;
  }
}
