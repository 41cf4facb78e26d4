/** Writes the effect of a change, based on the ledger: the kernel is not read. */
import type { BackendError, DesiredChange } from '@signalbox/core';
import { encodeRule, type IptablesDriver } from '@signalbox/iptables';
import type { RuleCompiler } from '../compile/rule-compiler.ts';
import { splitChange } from '../diff/split-change.ts';
import { isSettled, type RuleLedger } from '../diff/rule-ledger.ts';
import { applyPlan } from './apply-plan.ts';
import { ledgerOf } from './backend-state.ts';
import { leaveOutRefused } from './refused-services.ts';
import { AGAIN, canTighten, failed, recordChange, succeeded, type Pass, type SyncWork } from './sync-work.ts';

export async function partialPass(work: SyncWork, change: DesiredChange): Promise<Pass> {
  const { driver, state, compiler } = work;
  const ledger = ledgerOf(state);
  if (ledger === null) {
    recordChange(work, change);
    return AGAIN;
  }
  const jumps = jumpTexts(compiler, driver);
  const error = await writeParts(work, change, ledger);
  if (error !== null && canTighten(error, state)) return AGAIN;
  if (error?.code === 'rejected') {
    // Either a service of this change is refused, or the kernel does not hold what the ledger records.
    const { added, changed } = change.servicePorts;
    await leaveOutRefused(work, [...added, ...changed.map(({ after }) => after)]);
    return AGAIN;
  }
  if (error !== null) return failed(work, error);
  // Rules in chains that are not owned are written by full passes only.
  return jumpTexts(compiler, driver) === jumps ? succeeded(work) : AGAIN;
}

async function writeParts(
  work: SyncWork,
  change: DesiredChange,
  ledger: RuleLedger,
): Promise<BackendError | null> {
  const { driver, tool, report, state } = work;
  let error: BackendError | null = null;
  for (const part of splitChange(change)) {
    recordChange(work, part.change);
    if (error !== null || isSettled(ledger)) continue;
    error = await applyPlan({
      ledger,
      driver,
      variant: tool.variant,
      reachableRules: ledger.nat.heldSize,
      rulesPerTransaction: state.rulesPerTransaction,
      report,
      inserts: [],
      order: part.order,
      part: 'everything',
    });
  }
  return error;
}

function jumpTexts(compiler: RuleCompiler, { family }: IptablesDriver): string {
  return compiler
    .shared()
    .map(({ table, chain, rule }) => `${table} ${chain} ${encodeRule(rule, family)}`)
    .join('\n');
}
