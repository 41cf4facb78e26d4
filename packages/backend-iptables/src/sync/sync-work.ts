/** What the passes of one sync share, and the result of the sync. */
import { createSyncReport, type SyncReport } from '@signalbox/backend-kit';
import type { BackendError, DesiredChange, SyncResult } from '@signalbox/core';
import { encodeChain, type IptablesDriver, type ToolFacts } from '@signalbox/iptables';
import type { EndpointComments } from '../compile/context.ts';
import type { RuleCompiler } from '../compile/rule-compiler.ts';
import { tighterLimit } from '../diff/plan.ts';
import { forgetLedger, ledgerOf, type State } from './backend-state.ts';

export interface SyncWork {
  readonly driver: IptablesDriver;
  readonly state: State;
  readonly compiler: RuleCompiler;
  readonly tool: ToolFacts;
  readonly report: SyncReport;
  /** The number of searches for refused service ports that this sync may still make. */
  readonly searches: { left: number };
}

/** `again`: a full pass has to follow. */
export type Pass = { readonly kind: 'done'; readonly result: SyncResult } | { readonly kind: 'again' };

export const AGAIN: Pass = { kind: 'again' };

/** Every counter is in the result, also where it is 0. */
const COUNTERS = [
  'rulesWrittenNat',
  'rulesWrittenFilter',
  'chainsWritten',
  'chainsRemoved',
  'transactions',
  'restores',
  'restoreFailures',
  'repaired',
];

export function createReport(): SyncReport {
  const report = createSyncReport();
  for (const name of COUNTERS) report.count(name, 0);
  return report;
}

/** Compiles the change, and records in the ledger (if there is one) the changes to be made. */
export function recordChange(
  { compiler, state, driver }: SyncWork,
  change: DesiredChange,
  comments?: EndpointComments,
): void {
  const ledger = ledgerOf(state);
  const changes = compiler.apply(change, state.refused.all, comments);
  for (const { table, name } of changes.remove) ledger?.[table].unwant(name, 'remove');
  if (ledger === null) return;
  for (const { chain, rank } of changes.write)
    ledger[chain.table].want(chain.name, { ...encodeChain(chain, driver.family), rank });
}

export function succeeded({ state, report }: SyncWork): Pass {
  for (const [key, error] of state.refused.all) report.fail(key, error);
  return { kind: 'done', result: resultOf(state, report) };
}

export function failed(
  { state, report }: Pick<SyncWork, 'state' | 'report'>,
  error: BackendError,
): Extract<Pass, { kind: 'done' }> {
  if (error.kernel === 'unknown') forgetLedger(state);
  report.failAll(error);
  return { kind: 'done', result: resultOf(state, report) };
}

function resultOf(state: State, report: SyncReport): SyncResult {
  const ledger = ledgerOf(state);
  return report.result({
    rulesTotalNat: ledger?.nat.heldSize ?? 0,
    rulesTotalFilter: ledger?.filter.heldSize ?? 0,
  });
}

/** Transactions were too large for this kernel: a smaller limit, which is kept, may succeed. */
export function canTighten({ code, detail = '' }: BackendError, state: State): boolean {
  const tighter = tighterLimit(state.rulesPerTransaction);
  if (code !== 'rejected' || !detail.includes('Message too long') || tighter === null) return false;
  state.rulesPerTransaction = tighter;
  return true;
}
