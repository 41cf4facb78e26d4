import type { SyncReport } from '@signalbox/backend-kit';
import type { BackendError } from '@signalbox/core';
import {
  heldChain,
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

export interface PlanInput {
  readonly ledger: RuleLedger;
  readonly inserts: readonly MissingJump[];
  readonly driver: IptablesDriver;
  readonly variant: Variant;
  /** Rules in nat that packets can reach before the plan is applied. */
  readonly reachableRules: number;
  readonly order: RefusalOrder;
  readonly part: PlanPart;
  /** Counts the changes made. */
  readonly report: SyncReport;
  /** See `tighterLimit`. */
  readonly rulesPerTransaction: number;
}

/** Applies the changes that the ledger plans, and records those that are made. Stops at the first failure. */
export async function applyPlan({
  ledger,
  inserts,
  driver,
  variant,
  reachableRules,
  order,
  part,
  report,
  rulesPerTransaction,
}: PlanInput): Promise<BackendError | null> {
  const policy = variant === 'nft' ? nftPolicy(reachableRules, rulesPerTransaction) : LEGACY_POLICY;
  const transactions = planTransactions(ledger, inserts, { policy, order, part });
  for (const batch of batchTransactions(transactions)) {
    report.reach('partial');
    report.count('restores');
    const done = await driver.restore(encodeRestore(batch.map(({ input }) => input)));
    if (!done.ok) {
      report.count('restoreFailures');
      return done.error;
    }
    for (const transaction of batch) settle(ledger, transaction, report);
  }
  return null;
}

function settle(ledger: RuleLedger, transaction: Transaction, report: SyncReport): void {
  report.count('transactions');
  for (const { table, name, rules, digest } of transaction.writes) {
    ledger[table].hold(name, { digest, rules: rules.length });
    report.count('chainsWritten');
    if (table === 'nat') report.count('rulesWrittenNat', rules.length);
    if (table === 'filter') report.count('rulesWrittenFilter', rules.length);
  }
  for (const { table, name, keepEmpty } of transaction.removals) {
    ledger[table].drop(name);
    if (keepEmpty) ledger[table].hold(name, heldChain([]));
    report.count('chainsRemoved');
  }
}
