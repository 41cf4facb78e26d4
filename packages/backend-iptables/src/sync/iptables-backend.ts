import type { Backend, CleanupResult, DesiredChange, SyncResult } from '@signalbox/core';
import { isEmptyChange, validatedSync } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { createExecDriver, firstMissing, type IptablesDriver } from '@signalbox/iptables';
import { isInHysteresisBand } from '../compile/context.ts';
import { BALANCING } from '../compile/load-balancing.ts';
import { createRuleCompiler } from '../compile/rule-compiler.ts';
import { isSettled } from '../diff/rule-ledger.ts';
import { ruleOptions, type IptablesOptions } from '../options.ts';
import { createState, ledgerOf, type State } from './backend-state.ts';
import { cleanupVariants } from './cleanup.ts';
import { difference } from './difference.ts';
import { fullPass } from './full-pass.ts';
import { inspect } from './inspect.ts';
import { isIntact, observeDrift } from './observe-drift.ts';
import { partialPass } from './partial-pass.ts';
import { commentsInKernel } from './read-tables.ts';
import { readmit, retryRefused, withReturned } from './refused-services.ts';
import { AGAIN, createReport, failed, recordChange, type Pass, type SyncWork } from './sync-work.ts';
import { canaries, watchRules } from './watch-rules.ts';

/**
 * Services by iptables rules. Needs root (CAP_NET_ADMIN) and iptables in the PATH, in either variant.
 *
 * `counters` of a sync: `rulesTotalNat`, `rulesTotalFilter` (held now), `rulesWrittenNat`, `rulesWrittenFilter`,
 * `chainsWritten`, `chainsRemoved`, `transactions`, `restores`, `restoreFailures`, `repaired`.
 */
export function createIptablesBackend(options: IptablesOptions): Backend {
  const driver = options.driver ?? createExecDriver({ family: options.family });
  const state = createState(options.clock ?? systemClock);
  return {
    mode: 'iptables',
    family: options.family,
    sync: validatedSync(options.family, (change) => syncAlone({ driver, options, state }, change), BALANCING),
    balancing: () => BALANCING,
    cleanup: () => cleanUp(driver, state),
    observe: () => observeDrift(driver, state),
    inspect: (keys) => inspect(driver, state, keys),
    difference: () => difference(driver, state),
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
    // A defect. The records may be incomplete: the next sync has to read the kernel.
    state.kernel = { kind: 'unknown', last: null };
    throw error;
  } finally {
    state.running = null;
    state.resyncRequired ||= state.changedDuringSync;
    state.changedDuringSync = false;
  }
}

async function syncOnce(input: SyncInput, change: DesiredChange): Promise<SyncResult> {
  const { driver, state } = input;
  const report = createReport();
  state.backlog.apply(change);
  const tool = await driver.probe();
  if (!tool.ok) {
    report.reach('full');
    return failed({ state, report }, tool.error).result;
  }
  state.compiler ??= createRuleCompiler(driver.family, ruleOptions(input.options, tool.value));
  const { compiler } = state;
  const work: SyncWork = { driver, state, compiler, tool: tool.value, report, searches: { left: 3 } };
  const owed = state.backlog.owed() ?? change;
  state.backlog.settle();
  return finish(work, await firstPass(work, owed));
}

async function finish(work: SyncWork, first: Pass): Promise<SyncResult> {
  let pass = first;
  while (pass.kind === 'again') pass = await fullPass(work);
  return pass.result;
}

async function firstPass(work: SyncWork, change: DesiredChange): Promise<Pass> {
  if (!isIncremental(work.state, change)) return prepareFull(work, change);
  if (isEmptyChange(change)) return verifyAndRepair(work, change);
  await readmit(work, change);
  return partialPass(work, change);
}

async function prepareFull(work: SyncWork, change: DesiredChange): Promise<Pass> {
  const { driver, state, compiler } = work;
  const isFull = change.kind === 'full';
  if (isFull) state.refused.keep(() => false);
  const isOpen = isFull && isInHysteresisBand(change.counts.endpoints);
  recordChange(work, change, isOpen ? await commentsInKernel(driver) : undefined);
  await retryRefused(work, compiler.services.values());
  return AGAIN;
}

function isIncremental(state: State, change: DesiredChange): boolean {
  const ledger = ledgerOf(state);
  // Changes that a failed sync did not complete have lost their order: only a full pass restores it (`RefusalOrder`).
  const isHalfDone = ledger?.filter.isSettled === false;
  return ledger !== null && !state.resyncRequired && !isHalfDone && change.kind === 'incremental';
}

/** All rules are compared with the ledger for at most this share of the time, and not more often than requested. */
const VERIFY_TIME_SHARE = 0.01;

/**
 * The desired state did not change; another process may have changed the kernel. Where the backend is watched it is verified
 * beside syncs, else here: first by inexpensive queries, then completely.
 */
async function verifyAndRepair(work: SyncWork, change: DesiredChange): Promise<Pass> {
  const { driver, state, compiler } = work;
  if (state.verification !== null) {
    state.verification.request();
    return retryPass(work, change);
  }
  const ledger = ledgerOf(state);
  const isDue = ledger !== null && isSettled(ledger) && state.verifications.isDue(VERIFY_TIME_SHARE);
  const verify = async (): Promise<Pass> => {
    const missing = await firstMissing(driver, canaries(state));
    const isAltered = missing !== null || (isDue && (await isIntact(driver, compiler, state)) === false);
    const first = isAltered ? await prepareFull(work, change) : await retryPass(work, change);
    return { kind: 'done', result: await finish(work, first) };
  };
  return isDue ? state.verifications.take(verify) : verify();
}

/** Service ports that were refused may be accepted by now. */
async function retryPass(work: SyncWork, change: DesiredChange): Promise<Pass> {
  const returned = await retryRefused(work, work.compiler.services.values());
  return partialPass(work, withReturned(change, returned));
}

async function cleanUp(driver: IptablesDriver, state: State): Promise<CleanupResult> {
  state.kernel = { kind: 'unknown', last: null };
  state.resyncRequired = false;
  return cleanupVariants(driver);
}
