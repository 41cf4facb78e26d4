import { createSyncReport, type ReconciledState, type SyncReport, UNKNOWN } from '@signalbox/backend-kit';
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
import { VirtualServerOwnership, conflict } from './virtual-server-ownership.ts';
import { cleanUp } from './cleanup.ts';
import { createPacketFilterCompiler } from './current-packet-filter.ts';
import { HeldState } from './diff/held-state.ts';
import { driftOf } from './diff/drift.ts';
import { TerminatingServers } from './diff/graceful-termination.ts';
import { planIncrement } from './diff/increment.ts';
import { ownedServers, withDesired } from './diff/ownership.ts';
import type { PlanInput } from './diff/plan-input.ts';
import { planReconciliation, type Reconciliation } from './diff/reconcile.ts';
import { DesiredObjects } from './diff/desired-objects.ts';
import { drainedServers, execute, type Executed, type Executor } from './execute.ts';
import { difference, inspect } from './inspect.ts';
import type { Observed } from './objects/kernel-state.ts';
import type { PacketFilter } from './objects/packet-filter.ts';
import type { VirtualServerKey } from './objects/virtual-server.ts';
import { closeDrivers, settingsOf, type IpvsBackendOptions, type Settings } from './options.ts';
import { notDummyError, prepareKernel } from './prepare.ts';
import { SchedulerProbe } from './scheduler-probe.ts';
import { sameMembers } from './same-members.ts';
import { countExecuted, failedWith, reportFailures } from './sync-report.ts';
import { scanFailure, scanTerminating } from './termination-scan.ts';

/** Programs one family's services into IPVS, with ipset and a fixed packet filter around it. */
export function createIpvsBackend(options: IpvsBackendOptions): Backend {
  return new IpvsBackend(settingsOf(options));
}

interface Comparison extends Reconciliation {
  readonly observed: Observed;
}

class IpvsBackend implements Backend {
  readonly mode = 'ipvs';
  readonly family: Backend['family'];
  readonly sync: Backend['sync'];
  readonly balancing: NonNullable<Backend['balancing']>;
  readonly inspect: NonNullable<Backend['inspect']>;
  readonly difference: NonNullable<Backend['difference']>;
  readonly close: Backend['close'];
  readonly #settings: Settings;
  readonly #desired: DesiredObjects;
  readonly #schedulers: SchedulerProbe;
  #terminating = new TerminatingServers();
  /** Unknown: the next sync reads the kernel first. */
  #state: ReconciledState<HeldState> = UNKNOWN;
  #ownership: VirtualServerOwnership;
  readonly #compilePacketFilter: ReturnType<typeof createPacketFilterCompiler>;
  #randomFully = false;
  #prepared = false;
  #resyncRequired = false;
  /** Virtual servers that lost a real server since their connections were last counted. */
  #unscanned = new Set<VirtualServerKey>();
  #scannedAt = -Infinity;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.family = settings.family;
    this.#schedulers = new SchedulerProbe(settings);
    this.balancing = () => this.#schedulers.support();
    this.sync = validatedSync(settings.family, (change) => this.#sync(change), this.balancing());
    this.#ownership = new VirtualServerOwnership(settings.journal);
    const { family, localPolicyFallback, masqueradeBit } = settings;
    this.#compilePacketFilter = createPacketFilterCompiler({ family, masqueradeBit });
    this.#desired = new DesiredObjects({ ...this.#schedulers.known, family, localPolicyFallback });
    const desired = this.#desired;
    const parts = () => ({ ownership: this.#ownership, packetFilter: this.#currentPacketFilter() });
    this.inspect = (keys) => inspect({ settings, desired, ...parts() }, keys);
    this.difference = () => difference({ settings, desired, ...parts() });
    this.close = () => closeDrivers(settings);
  }

  async #sync(change: DesiredChange): Promise<SyncResult> {
    const report = createSyncReport();
    await this.#schedulers.prepare(change);
    this.#desired.apply(change);
    if (change.kind === 'full') this.#state = UNKNOWN;
    const unprepared = await this.#prepare();
    if (unprepared !== null) return failedWith(report, unprepared);
    if (this.#state.kind === 'held') await this.#increment(this.#state.ledger, report);
    if (this.#mustReconcile(report)) {
      const error = await this.#reconcile(report);
      if (error !== null) return failedWith(report, error);
    }
    await this.#scan(report);
    for (const key of this.#ownership.others) {
      if (this.#desired.servers.has(key)) report.fail(this.#desired.servers.ownerOf(key), conflict(key));
    }
    const unwritten = await this.#ownership.save();
    if (unwritten !== null) report.fail('journal', unwritten);
    return report.result({
      virtual_servers: this.#desired.servers.size,
      terminating_real_servers: this.#terminating.size,
    });
  }

  async observe(): Promise<Observation> {
    if (this.#desired.node === undefined) return { outcome: 'ok', drift: [] };
    const known = this.#desired.hostAddresses;
    const compared = await this.#compare(new TerminatingServers());
    // What follows from other addresses of the host is left to a sync.
    this.#resyncRequired ||= this.#desired.hostAddresses !== known;
    if (!compared.ok) return { outcome: 'failed', error: compared.error };
    return { outcome: 'ok', drift: driftOf(compared.value.plan.operations()) };
  }

  async cleanup(): Promise<CleanupResult> {
    this.#state = UNKNOWN;
    this.#prepared = false;
    this.#terminating = new TerminatingServers();
    const result = await cleanUp(this.#settings, this.#ownership.isKnown ? this.#ownership : null);
    if (result.outcome === 'ok') this.#ownership = new VirtualServerOwnership(this.#settings.journal);
    return result;
  }

  watch(onDrift: (what: string) => void, onProblem?: (problem: BackendError) => void): () => void {
    const undo = this.#settings.driver.watch?.((what) => {
      this.#resyncRequired = true;
      onDrift(what);
    }, onProblem);
    return () => undo?.();
  }

  async #prepare(): Promise<BackendError | null> {
    if (this.#prepared) return null;
    const error = await prepareKernel(this.#settings);
    if (error !== null) return error;
    const randomFully = await this.#settings.driver.hasRandomFully();
    if (!randomFully.ok) return randomFully.error;
    this.#randomFully = randomFully.value;
    this.#prepared = true;
    return null;
  }

  async #increment(held: HeldState, report: SyncReport): Promise<void> {
    const plan = planIncrement({
      ...this.#planInput(this.#terminating),
      steps: this.#desired.takeSteps(),
      space: (id) => held.space(id),
      conflicts: this.#ownership.others,
    });
    if (plan.isEmpty) return;
    const executed = await this.#execute(plan, report);
    report.reach('partial');
    for (const { operation } of executed.done) held.note(operation);
    // What failed here may be no failure once the kernel has been looked at: reconciling has the last word.
    if (executed.failures.length > 0) this.#state = UNKNOWN;
  }

  #mustReconcile(report: SyncReport): boolean {
    if (this.#resyncRequired || !this.#holdsPacketFilter || this.#state.kind === 'unknown') return true;
    const age = this.#settings.clock.elapsed() - this.#state.ledger.since;
    return report.isIdle && age >= this.#settings.reconcileInterval;
  }

  /** The kernel is known to hold the rules that are desired now: what differs is another process's doing. */
  get #holdsPacketFilter(): boolean {
    return this.#state.kind === 'held' && this.#state.ledger.hasPacketFilter(this.#currentPacketFilter());
  }

  async #reconcile(report: SyncReport): Promise<BackendError | null> {
    const differences = this.#holdsPacketFilter ? 'drift' : 'expected';
    let executed = await this.#verifyAndRepair(report, differences);
    // The listing had missed what the kernel holds: another one has the last word.
    if ('done' in executed && executed.surprises.length > 0) {
      executed = await this.#verifyAndRepair(report, differences);
    }
    if (!('done' in executed)) return executed;
    reportFailures(report, executed);
    return null;
  }

  async #verifyAndRepair(
    report: SyncReport,
    differences: 'drift' | 'expected',
  ): Promise<Executed | BackendError> {
    const since = this.#settings.clock.elapsed();
    this.#state = UNKNOWN;
    // Ahead of the listing: what changes behind it may not be in it.
    this.#resyncRequired = false;
    const compared = await this.#compare(this.#terminating);
    if (!compared.ok) return compared.error;
    const { plan, conflicts, observed } = compared.value;
    this.#ownership.setOthers(conflicts);
    const executed = await this.#execute(plan, report);
    report.reach('full');
    if (differences === 'drift') report.repair(driftOf(executed.done));
    if (executed.failures.length > 0) {
      // A module that was unloaded takes its settings with it.
      this.#prepared = false;
      return executed;
    }
    const packetFilter = this.#currentPacketFilter();
    const held = new HeldState({ family: this.family, observed, packetFilter, since });
    for (const { operation } of executed.done) held.note(operation);
    this.#state = { kind: 'held', ledger: held };
    return executed;
  }

  /** Looks at the whole kernel state of this mode and family. */
  async #compare(terminating: TerminatingServers): Promise<Result<Comparison>> {
    const { driver } = this.#settings;
    const seen = await driver.observe();
    if (!seen.ok) return seen;
    const observed = seen.value;
    if (observed.device === 'not-dummy') return fail(notDummyError());
    if (!sameMembers(observed.hostAddresses, this.#desired.hostAddresses)) {
      this.#desired.setHostAddresses(observed.hostAddresses);
    }
    this.#desired.takeSteps();
    const packetFilter = this.#currentPacketFilter();
    const drift = await driver.packetFilterDrift(packetFilter);
    if (!drift.ok) return drift;
    const { nodePortAddresses: addresses } = this.#desired;
    const present = (): Observed => withDesired(this.#desired, observed);
    await this.#ownership.load((journal) => ownedServers(this.family, present(), journal, addresses));
    const reconciliation = planReconciliation({
      ...this.#planInput(terminating),
      observed,
      owned: this.#ownership.owned,
      packetFilter,
      packetFilterDrift: drift.value,
    });
    return succeed({ ...reconciliation, observed });
  }

  async #scan(report: SyncReport): Promise<void> {
    const now = this.#settings.clock.elapsed();
    const all = now - this.#scannedAt >= this.#settings.gracefulScanInterval;
    const keys = all ? this.#terminating.servers() : [...this.#unscanned];
    if (all) this.#scannedAt = now;
    if (keys.length === 0) return;
    const scan = await scanTerminating(this.#executor, {
      terminating: this.#terminating,
      keys,
      now,
      maxAge: this.#settings.gracefulMaxAge,
      ownerOf: (key) => this.#desired.servers.ownerOf(key),
    });
    if (!scan.ok) return reportFailures(report, { failures: [scanFailure(scan.error)], fatal: undefined });
    countExecuted(report, scan.value);
    reportFailures(report, scan.value);
    if (scan.value.counts.size > 0) report.reach('partial');
    if (scan.value.failures.length === 0) this.#unscanned.clear();
    else for (const key of keys) this.#unscanned.add(key);
  }

  async #execute(plan: Comparison['plan'], report: SyncReport): Promise<Executed> {
    const executed = await execute(this.#executor, plan);
    countExecuted(report, executed);
    for (const key of drainedServers(plan)) this.#unscanned.add(key);
    return executed;
  }

  get #executor(): Executor {
    return { driver: this.#settings.driver, claims: this.#ownership };
  }

  #planInput(terminating: TerminatingServers): PlanInput {
    const { family, excludeCIDRs, clock } = this.#settings;
    return { family, desired: this.#desired, terminating, excludeCIDRs, now: clock.elapsed() };
  }

  #currentPacketFilter(): PacketFilter {
    return this.#compilePacketFilter(this.#desired.node, this.#randomFully);
  }
}
