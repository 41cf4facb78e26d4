/** Reads the kernel, compares all rules with it, and writes the differences. */
import type { BackendError, Family } from '@signalbox/core';
import {
  countOtherCommits,
  countOwnRules,
  encodeRule,
  type Guarded,
  type OwnedTables,
  type SharedRule,
} from '@signalbox/iptables';
import { CHAINS_PER_CALL } from '../diff/plan.ts';
import { createRuleLedger, type RuleLedger } from '../diff/rule-ledger.ts';
import { applyPlan, type PlanInput } from './apply-plan.ts';
import { forgetLedger, type KernelState } from './backend-state.ts';
import { createComparison, type Comparison } from './compare-rules.ts';
import { formatJump } from './known-rules.ts';
import { observeTables } from './read-tables.ts';
import { leaveOutRefused } from './refused-services.ts';
import { AGAIN, canTighten, failed, succeeded, type Pass, type SyncWork } from './sync-work.ts';

export async function fullPass(work: SyncWork): Promise<Pass> {
  const { driver, state, compiler, report } = work;
  report.reach('full');
  // If anything fails from here on, the next pass has to be full, too.
  forgetLedger(state);
  const commits = await countOtherCommits(driver);
  const observed = await observeTables(driver, compiler.shared());
  if (!observed.ok) return failed(work, observed.error);
  const { error, kernel } = await reconcile(work, observed.value);
  state.kernel = kernel;
  if (error !== null && canTighten(error, state)) return AGAIN;
  if (error?.code === 'rejected' && (await leaveOutRefused(work, compiler.services.values()))) return AGAIN;
  if (error !== null) return failed(work, error);
  state.seenCommits = commits;
  state.resyncRequired = false;
  const repaired = state.unreported.splice(0);
  report.repair(repaired);
  report.count('repaired', repaired.length);
  return succeeded(work);
}

interface Reconciled {
  readonly error: BackendError | null;
  readonly kernel: KernelState;
}

async function reconcile(work: SyncWork, observed: OwnedTables): Promise<Reconciled> {
  const { driver, state, compiler } = work;
  const ledger = createRuleLedger();
  const shared = compiler.shared();
  const last = state.kernel.kind === 'unknown' ? state.kernel.last : null;
  const comparison = createComparison({ family: driver.family, shared, known: last }, observed, ledger);
  const plan = planFor(work, observed, ledger);
  const failure = await compareAll(work, comparison, plan);
  // Chains that were written in advance are in neither ledger.
  if (failure !== null) state.unreported.push(...comparison.byOthers);
  if (failure !== null) return { error: failure, kernel: { kind: 'unknown', last: null } };
  const inserts = comparison.end();
  state.unreported.push(...comparison.byOthers);
  const guarded = guardedRules(shared, driver.family);
  const absent = new Set(inserts.map(formatJump));
  const standing = guarded.map(formatJump).filter((jump) => !absent.has(jump));
  const error = await applyPlan({ ...plan, inserts, part: 'everything' });
  // Until the jumps are verified to be in place, the next pass has to read the kernel again.
  const isKnown = error === null || (error.kernel === 'unchanged' && inserts.length === 0);
  if (isKnown) return { error, kernel: { kind: 'held', ledger, guarded } };
  return { error, kernel: { kind: 'unknown', last: { ledger, jumps: new Set(standing) } } };
}

type Plan = Omit<PlanInput, 'inserts' | 'part'>;

function planFor({ driver, tool, report, state }: SyncWork, observed: OwnedTables, ledger: RuleLedger): Plan {
  return {
    ledger,
    driver,
    variant: tool.variant,
    reachableRules: countOwnRules(observed.nat),
    order: 'both',
    report,
    rulesPerTransaction: state.rulesPerTransaction,
  };
}

/**
 * New chains that no packet can reach yet are written while others are still being compiled, so that the text of a whole
 * first sync is never in memory at once. The legacy variant copies the whole table for any transaction: it does not do so.
 */
async function compareAll(
  { compiler, state, tool }: SyncWork,
  comparison: Comparison,
  plan: Plan,
): Promise<BackendError | null> {
  const limit = tool.variant === 'nft' ? CHAINS_PER_CALL : Infinity;
  let pending = 0;
  for (const chain of compiler.all(state.refused.all)) {
    if (comparison.add(chain) !== 'unreachable' || ++pending < limit) continue;
    pending = 0;
    const error = await applyPlan({ ...plan, inserts: [], part: 'new-chains' });
    if (error !== null) return error;
  }
  return null;
}

function guardedRules(shared: readonly SharedRule[], family: Family): readonly Guarded[] {
  return shared.map(({ table, chain, rule }) => ({ table, chain, rule: encodeRule(rule, family) }));
}
