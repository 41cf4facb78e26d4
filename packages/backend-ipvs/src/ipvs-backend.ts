import { createSyncReport, type SyncReport, UNKNOWN } from '@signalbox/backend-kit';
import {
  fail,
  succeed,
  validatedSync,
  type Backend,
  type BackendError,
  type CleanupResult,
  type DesiredChange,
  type Observation,
  type Result,
  type SyncResult,
} from '@signalbox/core';
import { conflict, createVirtualServerOwnership } from './virtual-server-ownership.ts';
import {
  createState,
  currentFilter,
  executorOf,
  holdsPacketFilter,
  planInput,
  type BackendState,
} from './backend-state.ts';
import { cleanUp } from './cleanup.ts';
import { createHeldState, type HeldState } from './diff/held-state.ts';
import { driftOf } from './diff/drift.ts';
import { createTerminatingServers, type TerminatingServers } from './diff/graceful-termination.ts';
import { planIncrement } from './diff/increment.ts';
import { ownedServers, withDesired } from './diff/ownership.ts';
import type { Plan } from './diff/plan.ts';
import { planReconciliation, type Reconciliation } from './diff/reconcile.ts';
import { drainedServers, execute, type Executed } from './execute.ts';
import { difference, inspect } from './inspect.ts';
import type { Observed } from './objects/kernel-state.ts';
import { closeDrivers, settingsOf, type IpvsBackendOptions } from './options.ts';
import { notDummyError, prepareKernel } from './prepare.ts';
import { sameMembers } from './same-members.ts';
import { countExecuted, failedWith, reportFailures } from './sync-report.ts';
import { scanFailure, scanTerminating } from './termination-scan.ts';

/** Programs one family's services into IPVS, with ipset and a fixed packet filter around it. */
export function createIpvsBackend(options: IpvsBackendOptions): Backend {
  const state = createState(settingsOf(options));
  const { settings, desired, schedulers } = state;
  const parts = () => ({ settings, desired, ownership: state.ownership, packetFilter: currentFilter(state) });
  const balancing = () => schedulers.support();
  return {
    mode: 'ipvs',
    family: settings.family,
    balancing,
    sync: validatedSync(settings.family, (change) => sync(state, change), balancing()),
    observe: () => observe(state),
    cleanup: () => cleanup(state),
    watch(onDrift, onProblem) {
      const undo = settings.driver.watch?.((what) => {
        state.resyncRequired = true;
        onDrift(what);
      }, onProblem);
      return () => undo?.();
    },
    inspect: (keys) => inspect(parts(), keys),
    difference: () => difference(parts()),
    close: () => closeDrivers(settings),
  };
}

async function sync(state: BackendState, change: DesiredChange): Promise<SyncResult> {
  const { desired } = state;
  const report = createSyncReport();
  await state.schedulers.prepare(change);
  desired.apply(change);
  if (change.kind === 'full') state.held = UNKNOWN;
  const unprepared = await prepare(state);
  if (unprepared !== null) return failedWith(report, unprepared);
  if (state.held.kind === 'held') await increment(state, state.held.ledger, report);
  if (mustReconcile(state, report)) {
    const error = await reconcile(state, report);
    if (error !== null) return failedWith(report, error);
  }
  await scan(state, report);
  for (const key of state.ownership.others) {
    if (desired.servers.has(key)) report.fail(desired.servers.ownerOf(key), conflict(key));
  }
  const unwritten = await state.ownership.save();
  if (unwritten !== null) report.fail('journal', unwritten);
  return report.result({
    virtual_servers: desired.servers.size,
    terminating_real_servers: state.terminating.size,
  });
}

async function observe(state: BackendState): Promise<Observation> {
  const { desired } = state;
  if (desired.node === undefined) return { outcome: 'ok', drift: [] };
  const known = desired.hostAddresses;
  const compared = await compare(state, createTerminatingServers());
  // What follows from other addresses of the host is left to a sync.
  state.resyncRequired ||= desired.hostAddresses !== known;
  if (!compared.ok) return { outcome: 'failed', error: compared.error };
  return { outcome: 'ok', drift: driftOf(compared.value.plan.operations()) };
}

async function cleanup(state: BackendState): Promise<CleanupResult> {
  const { settings, ownership } = state;
  state.held = UNKNOWN;
  state.prepared = false;
  state.terminating = createTerminatingServers();
  const result = await cleanUp(settings, ownership.isKnown ? ownership : null);
  if (result.outcome === 'ok') state.ownership = createVirtualServerOwnership(settings.journal);
  return result;
}

async function prepare(state: BackendState): Promise<BackendError | null> {
  if (state.prepared) return null;
  const error = await prepareKernel(state.settings);
  if (error !== null) return error;
  const randomFully = await state.settings.driver.hasRandomFully();
  if (!randomFully.ok) return randomFully.error;
  state.randomFully = randomFully.value;
  state.prepared = true;
  return null;
}

async function increment(state: BackendState, held: HeldState, report: SyncReport): Promise<void> {
  const plan = planIncrement({
    ...planInput(state, state.terminating),
    steps: state.desired.takeSteps(),
    space: (id) => held.space(id),
    conflicts: state.ownership.others,
  });
  if (plan.isEmpty) return;
  const executed = await carryOut(state, plan, report);
  report.reach('partial');
  for (const { operation } of executed.done) held.note(operation);
  // What failed here may be no failure once the kernel has been looked at: reconciling has the last word.
  if (executed.failures.length > 0) state.held = UNKNOWN;
}

function mustReconcile(state: BackendState, report: SyncReport): boolean {
  const { held, settings } = state;
  if (state.resyncRequired || !holdsPacketFilter(state) || held.kind === 'unknown') return true;
  return report.isIdle && settings.clock.elapsed() - held.ledger.since >= settings.reconcileInterval;
}

async function reconcile(state: BackendState, report: SyncReport): Promise<BackendError | null> {
  const differences = holdsPacketFilter(state) ? 'drift' : 'expected';
  let executed = await verifyAndRepair(state, report, differences);
  // The listing had missed what the kernel holds: another one has the last word.
  if ('done' in executed && executed.surprises.length > 0) {
    executed = await verifyAndRepair(state, report, differences);
  }
  if (!('done' in executed)) return executed;
  reportFailures(report, executed);
  return null;
}

async function verifyAndRepair(
  state: BackendState,
  report: SyncReport,
  differences: 'drift' | 'expected',
): Promise<Executed | BackendError> {
  const { family, clock } = state.settings;
  const since = clock.elapsed();
  state.held = UNKNOWN;
  // Ahead of the listing: what changes behind it may not be in it.
  state.resyncRequired = false;
  const compared = await compare(state, state.terminating);
  if (!compared.ok) return compared.error;
  const { plan, conflicts, observed } = compared.value;
  state.ownership.setOthers(conflicts);
  const executed = await carryOut(state, plan, report);
  report.reach('full');
  if (differences === 'drift') report.repair(driftOf(executed.done));
  if (executed.failures.length > 0) {
    // A module that was unloaded takes its settings with it.
    state.prepared = false;
    return executed;
  }
  const held = createHeldState({ family, observed, packetFilter: currentFilter(state), since });
  for (const { operation } of executed.done) held.note(operation);
  state.held = { kind: 'held', ledger: held };
  return executed;
}

interface Comparison extends Reconciliation {
  readonly observed: Observed;
}

/** Looks at the whole kernel state of this mode and family. */
async function compare(state: BackendState, terminating: TerminatingServers): Promise<Result<Comparison>> {
  const { desired, ownership } = state;
  const { driver, family } = state.settings;
  const seen = await driver.observe();
  if (!seen.ok) return seen;
  const observed = seen.value;
  if (observed.device === 'not-dummy') return fail(notDummyError());
  if (!sameMembers(observed.hostAddresses, desired.hostAddresses)) {
    desired.setHostAddresses(observed.hostAddresses);
  }
  desired.takeSteps();
  const packetFilter = currentFilter(state);
  const drift = await driver.packetFilterDrift(packetFilter);
  if (!drift.ok) return drift;
  const { nodePortAddresses } = desired;
  const present = (): Observed => withDesired(desired, observed);
  await ownership.load((journal) => ownedServers(family, present(), journal, nodePortAddresses));
  const reconciliation = planReconciliation({
    ...planInput(state, terminating),
    observed,
    owned: ownership.owned,
    packetFilter,
    packetFilterDrift: drift.value,
  });
  return succeed({ ...reconciliation, observed });
}

async function scan(state: BackendState, report: SyncReport): Promise<void> {
  const { settings, terminating, unscanned, desired } = state;
  const now = settings.clock.elapsed();
  const all = now - state.scannedAt >= settings.gracefulScanInterval;
  const keys = all ? terminating.servers() : [...unscanned];
  if (all) state.scannedAt = now;
  if (keys.length === 0) return;
  const scanned = await scanTerminating(executorOf(state), {
    terminating,
    keys,
    now,
    maxAge: settings.gracefulMaxAge,
    ownerOf: (key) => desired.servers.ownerOf(key),
  });
  if (!scanned.ok) {
    return reportFailures(report, { failures: [scanFailure(scanned.error)], fatal: undefined });
  }
  countExecuted(report, scanned.value);
  reportFailures(report, scanned.value);
  if (scanned.value.counts.size > 0) report.reach('partial');
  if (scanned.value.failures.length === 0) unscanned.clear();
  else for (const key of keys) unscanned.add(key);
}

async function carryOut(state: BackendState, plan: Plan, report: SyncReport): Promise<Executed> {
  const executed = await execute(executorOf(state), plan);
  countExecuted(report, executed);
  for (const key of drainedServers(plan)) state.unscanned.add(key);
  return executed;
}
