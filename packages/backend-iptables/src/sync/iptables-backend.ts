import type { Backend, BackendError, CleanupResult, DesiredChange, SyncResult } from '@signalbox/core';
import { isEmptyChangeSet, validatedSync } from '@signalbox/core';
import {
  countOtherCommits,
  createExecDriver,
  encodeChain,
  encodeRule,
  firstMissing,
  type Guarded,
  type IptablesDriver,
  type ToolFacts,
  countOwnRules,
  type OwnedTables,
} from '@signalbox/iptables';
import { applyPlan, nothingApplied, type PlanInput } from './apply-plan.ts';
import { cleanupVariants } from './cleanup.ts';
import { isEitherWay, type EndpointComments } from '../compile/context.ts';
import { createRuleCompiler, type RuleCompiler } from '../compile/rule-compiler.ts';
import { CHAINS_PER_CALL, tighterLimit } from '../diff/plan.ts';
import { createRuleLedger, type RuleLedger } from '../diff/rule-ledger.ts';
import { splitChange } from '../diff/split-change.ts';
import { compare } from './compare-rules.ts';
import { isIntact, observeDrift } from './observe-drift.ts';
import { commentsInKernel, observeTables } from './read-tables.ts';
import { ruleOptions, type IptablesOptions } from '../options.ts';
import { leaveOutRefused, readmit, retryRefused, withReturned } from './refused-services.ts';
import { createState, failed, forgetLedger, succeeded, type State } from './backend-state.ts';
import { formatJump } from './known-rules.ts';
import { canaries, watchRules } from './watch-rules.ts';

/**
 * Services by iptables rules. Needs root (CAP_NET_ADMIN) and iptables in the PATH, in either variant.
 *
 * `counters` of a sync: `rulesTotalNat`, `rulesTotalFilter` (held now), `rulesWrittenNat`, `rulesWrittenFilter`,
 * `chainsWritten`, `chainsRemoved`, `transactions`, `restores`, `restoreFailures`, `repaired`.
 */
export function createIptablesBackend(options: IptablesOptions): Backend {
  const driver = options.driver ?? createExecDriver({ family: options.family });
  const state = createState();
  return {
    mode: 'iptables',
    family: options.family,
    sync: validatedSync(options.family, (change) => syncAlone({ driver, options, state }, change)),
    cleanup: () => cleanUp(driver, state),
    observe: () => observeDrift(driver, state),
    observesBesideSync: true,
    watch: (onDrift, onProblem = () => undefined) =>
      watchRules({ driver, options, state, onDrift, onProblem }),
    close: () => driver.close(),
  };
}

interface SyncInput {
  readonly driver: IptablesDriver;
  readonly options: IptablesOptions;
  readonly state: State;
}

async function syncAlone(input: SyncInput, change: DesiredChange): Promise<SyncResult> {
  const { state } = input;
  const sync = syncOnce(input, change);
  state.running = sync;
  try {
    return await sync;
  } catch (error) {
    // A bug of ours. What is believed may be half true: the next sync has to look.
    state.ledger = null;
    throw error;
  } finally {
    state.running = null;
    state.suspect ||= state.disturbed;
    state.disturbed = false;
  }
}

async function syncOnce(input: SyncInput, change: DesiredChange): Promise<SyncResult> {
  const { driver, state } = input;
  if (change.kind === 'full') state.backlog = [];
  state.backlog.push(change);
  const tool = await driver.probe();
  if (!tool.ok) return failed(tool.error, 'full', state, nothingApplied());
  const isLeftOut = (key: string): boolean => state.refused.has(key);
  state.compiler ??= createRuleCompiler(driver.family, ruleOptions(input.options, tool.value), isLeftOut);
  const work: SyncWork = { ...input, compiler: state.compiler, tool: tool.value, searches: { left: 3 } };
  const changes = state.backlog.splice(0);
  const [only] = changes;
  if (only !== undefined && changes.length === 1 && isIncremental(state, only)) {
    if (isEmpty(only)) return lookAround(work, only);
    await readmit(work, only);
    return partialSync(work, only);
  }
  return syncAll(work, changes);
}

async function syncAll(work: SyncWork, changes: readonly DesiredChange[]): Promise<SyncResult> {
  const { driver, state, compiler } = work;
  for (const each of changes) {
    if (each.kind === 'full') state.refused.clear();
    const isOpen = each.kind === 'full' && isEitherWay(each.counts.endpoints);
    takeOver(work, each, isOpen ? await commentsInKernel(driver) : undefined);
  }
  await retryRefused(work, compiler.services.values());
  return fullSync(work);
}

function isIncremental(state: State, change: DesiredChange): boolean {
  const { ledger, suspect } = state;
  return ledger !== null && !suspect && !isHalfDone(ledger) && change.kind === 'incremental';
}

/** What a failed sync left to be done no longer says in which order: only a full sync finds out (`RefusalOrder`). */
function isHalfDone({ writes, removals }: RuleLedger): boolean {
  return (
    [...writes.values()].some(({ chain }) => chain.table === 'filter') ||
    [...removals.values()].some(({ table }) => table === 'filter')
  );
}

/** All rules are compared with what is believed as often as that takes this share of the time, but not more often than asked. */
const LOOK_SHARE = 0.01;

/**
 * Nothing is to be done, unless another process did something. Where the backend is watched it is verified beside syncs, else
 * here: first a look at what would be missed most, then at everything.
 */
async function lookAround(work: SyncWork, change: DesiredChange): Promise<SyncResult> {
  const { driver, state, compiler } = work;
  if (state.verification !== null) {
    state.verification.request();
    return partialSync(work, withReturned(change, await retryRefused(work, compiler.services.values())));
  }
  const began = performance.now();
  const isDue = state.ledger?.isSettled === true && began >= state.nextLook;
  const missing = await firstMissing(driver, canaries(state));
  const isAltered = missing !== null || (isDue && (await isIntact(driver, compiler, state)) === false);
  const result = isAltered
    ? await syncAll(work, [change])
    : await partialSync(work, withReturned(change, await retryRefused(work, compiler.services.values())));
  const ended = performance.now();
  if (isDue) state.nextLook = ended + (ended - began) / LOOK_SHARE;
  return result;
}

/** An empty change means: look. */
function isEmpty({ servicePorts, healthChecks, nodeChanged }: DesiredChange): boolean {
  return isEmptyChangeSet(servicePorts) && isEmptyChangeSet(healthChecks) && !nodeChanged;
}

interface SyncWork extends SyncInput {
  readonly compiler: RuleCompiler;
  readonly tool: ToolFacts;
  /** How often this sync may still look for service ports that are refused. */
  readonly searches: { left: number };
}

function sharedTexts(compiler: RuleCompiler, { family }: IptablesDriver): readonly string[] {
  return compiler.shared().map(({ table, chain, rule }) => `${table} ${chain} ${encodeRule(rule, family)}`);
}

/** Compiles the change, and notes in the ledger (if there is one) what is to be done. */
function takeOver(
  { compiler, state: { ledger }, driver }: SyncWork,
  change: DesiredChange,
  comments?: EndpointComments,
): void {
  const changes = compiler.apply(change, comments);
  for (const { table, name } of changes.remove) ledger?.unwant(table, name, 'remove');
  if (ledger !== null) {
    for (const { chain, rank } of changes.write) ledger.want(encodeChain(chain, driver.family), rank);
  }
}

async function partialSync(work: SyncWork, change: DesiredChange): Promise<SyncResult> {
  const { driver, state, tool, compiler } = work;
  const { ledger } = state;
  const applied = nothingApplied();
  if (ledger === null) {
    takeOver(work, change);
    return fullSync(work);
  }
  const shared = sharedTexts(compiler, driver);
  let error: BackendError | null = null;
  for (const part of splitChange(change)) {
    takeOver(work, part.change);
    if (error !== null || ledger.isSettled) continue;
    const { order } = part;
    const { rulesPerTransaction } = state;
    const reachableRules = ledger.count('nat');
    const plan = { ledger, driver, variant: tool.variant, reachableRules, applied, rulesPerTransaction };
    error = await applyPlan({ ...plan, inserts: [], order, part: 'everything' });
  }
  if (error !== null && canTighten(error, state)) return fullSync(work, applied);
  if (error?.code === 'rejected') {
    // Either a service of this change is refused, or the kernel does not hold what we believe.
    const { added, changed } = change.servicePorts;
    await leaveOutRefused(work, [...added, ...changed.map(({ after }) => after)]);
    return fullSync(work, applied);
  }
  if (error !== null) return failed(error, 'partial', state, applied);
  // Rules of ours in chains of others are looked after by full syncs alone.
  if (sharedTexts(compiler, driver).join() !== shared.join()) return fullSync(work);
  return succeeded(applied.restores === 0 ? 'none' : 'partial', state, applied);
}

async function fullSync(work: SyncWork, applied = nothingApplied()): Promise<SyncResult> {
  const { driver, state, compiler } = work;
  // Whatever goes wrong from here, the next sync has to be full, too.
  forgetLedger(state);
  const commits = await countOtherCommits(driver);
  const observed = await observeTables(driver, compiler.shared());
  if (!observed.ok) return failed(observed.error, 'full', state, applied);
  const ledger = createRuleLedger();
  const { error, isKnown } = await reconcile(work, observed.value, { ledger, applied });
  state.ledger = isKnown ? ledger : null;
  if (isKnown) {
    state.guarded = guardedRules(compiler.shared(), driver);
    state.jumps = new Set(state.guarded.map(formatJump));
  }
  if (error !== null && canTighten(error, state)) return fullSync(work, applied);
  if (error?.code === 'rejected' && (await leaveOutRefused(work, compiler.services.values()))) {
    return fullSync(work, applied);
  }
  if (error !== null) return failed(error, 'full', state, applied);
  state.known = null;
  state.seenCommits = commits;
  state.suspect = false;
  return succeeded('full', state, applied, state.unreported.splice(0));
}

interface Reconciled {
  readonly error: BackendError | null;
  /** What the kernel holds stands in the ledger. */
  readonly isKnown: boolean;
}

async function reconcile(
  { driver, state, compiler, tool }: SyncWork,
  observed: OwnedTables,
  { ledger, applied }: Pick<PlanInput, 'ledger' | 'applied'>,
): Promise<Reconciled> {
  const plan = {
    ledger,
    driver,
    variant: tool.variant,
    reachableRules: countOwnRules(observed.nat),
    order: 'both',
    applied,
    rulesPerTransaction: state.rulesPerTransaction,
  } as const;
  const { known } = state;
  const wanted = { family: driver.family, chains: compiler.all(), shared: compiler.shared(), known };
  const compared = await compare(wanted, observed, ledger, {
    // The legacy variant copies the whole table for any transaction.
    chains: tool.variant === 'nft' ? CHAINS_PER_CALL : Infinity,
    write: () => applyPlan({ ...plan, inserts: [], part: 'new-chains' }),
  });
  const { inserts } = compared;
  state.unreported.push(...compared.byOthers);
  if (compared.error !== null) {
    // Chains written ahead are in neither ledger.
    state.known = null;
    return { error: compared.error, isKnown: false };
  }
  const absent = new Set(inserts.map(formatJump));
  const standing = guardedRules(wanted.shared, driver).map(formatJump);
  state.known = { ledger, jumps: new Set(standing.filter((jump) => !absent.has(jump))) };
  const error = await applyPlan({ ...plan, inserts, part: 'everything' });
  // Until the jumps are known to stand, the next sync has to look again.
  const isKnown = error === null || (error.kernel === 'unchanged' && inserts.length === 0);
  return { error, isKnown };
}

/** Transactions were too large for this kernel: with a smaller limit, which is kept, it may go. */
function canTighten({ code, detail = '' }: BackendError, state: State): boolean {
  const tighter = tighterLimit(state.rulesPerTransaction);
  if (code !== 'rejected' || !detail.includes('Message too long') || tighter === null) return false;
  state.rulesPerTransaction = tighter;
  return true;
}

function guardedRules(
  shared: ReturnType<RuleCompiler['shared']>,
  { family }: IptablesDriver,
): readonly Guarded[] {
  return shared.map(({ table, chain, rule }) => ({ table, chain, rule: encodeRule(rule, family) }));
}

async function cleanUp(driver: IptablesDriver, state: State): Promise<CleanupResult> {
  state.ledger = null;
  state.known = null;
  state.suspect = false;
  return cleanupVariants(driver);
}
