import { createSyncReport, type SyncReport } from '@signalbox/backend-kit';
import {
  validatedSync,
  type Backend,
  type BackendError,
  type CleanupResult,
  type DesiredChange,
  type Family,
  type Observation,
  type SyncResult,
} from '@signalbox/core';
import { Claims, conflict } from './claims.ts';
import { cleanUp } from './cleanup.ts';
import { clusterMasquerade } from './compile/masquerade.ts';
import { packetFilter, type ProgramOptions } from './compile/packet-filter.ts';
import { Beliefs } from './diff/beliefs.ts';
import { driftOf } from './diff/drift.ts';
import { TerminatingServers } from './diff/graceful-termination.ts';
import { planIncrement } from './diff/increment.ts';
import { ownedServers, withWanted } from './diff/ownership.ts';
import type { PlanInput } from './diff/plan-input.ts';
import { planReconciliation, type Reconciliation } from './diff/reconcile.ts';
import { WantedState } from './diff/wanted-state.ts';
import type { DriverResult } from './driver/ipvs-driver.ts';
import { execute, type Executed, type Executor } from './execute.ts';
import type { Observed } from './objects/kernel-state.ts';
import type { Program } from './objects/program.ts';
import { virtualServerKey, type VirtualServerKey } from './objects/virtual-server.ts';
import { settingsOf, type IpvsBackendOptions, type Settings } from './options.ts';
import { foreignDevice, prepareKernel } from './prepare.ts';
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
  readonly family: Family;
  readonly sync: Backend['sync'];
  readonly #settings: Settings;
  readonly #wanted: WantedState;
  #terminating = new TerminatingServers();
  /** `null`: the next sync looks at the kernel first. */
  #beliefs: Beliefs | null = null;
  #claims: Claims;
  #program: { readonly options: string; readonly program: Program } | null = null;
  #randomFully = false;
  #prepared = false;
  #suspect = false;
  /** Virtual servers that lost a real server since their connections were last counted. */
  #unscanned = new Set<VirtualServerKey>();
  #scannedAt = -Infinity;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.family = settings.family;
    this.sync = validatedSync(settings.family, (change) => this.#sync(change));
    this.#claims = new Claims(settings.journal);
    const { family, scheduler, localPolicyFallback } = settings;
    this.#wanted = new WantedState({ family, scheduler, localPolicyFallback });
  }

  async #sync(change: DesiredChange): Promise<SyncResult> {
    const report = createSyncReport();
    this.#wanted.apply(change);
    if (change.kind === 'full') this.#beliefs = null;
    const unprepared = await this.#prepare();
    if (unprepared !== null) return failedWith(report, unprepared);
    if (this.#beliefs !== null) await this.#increment(this.#beliefs, report);
    if (this.#mustReconcile(report)) {
      const error = await this.#reconcile(report);
      if (error !== null) return failedWith(report, error);
    }
    await this.#scan(report);
    for (const key of this.#claims.others) {
      if (this.#wanted.servers.has(key)) report.fail(this.#wanted.servers.ownerOf(key), conflict(key));
    }
    const unwritten = await this.#claims.save();
    if (unwritten !== null) report.fail('journal', unwritten);
    return report.result({
      virtual_servers: this.#wanted.servers.size,
      terminating_real_servers: this.#terminating.size,
    });
  }

  async observe(): Promise<Observation> {
    if (this.#wanted.node === undefined) return { outcome: 'ok', drift: [] };
    const known = this.#wanted.hostAddresses;
    const compared = await this.#compare(new TerminatingServers());
    // What follows from other addresses of the host is left to a sync.
    this.#suspect ||= this.#wanted.hostAddresses !== known;
    if (!compared.ok) return { outcome: 'failed', error: compared.error };
    return { outcome: 'ok', drift: driftOf(compared.value.plan.operations()) };
  }

  async cleanup(): Promise<CleanupResult> {
    this.#beliefs = null;
    this.#prepared = false;
    this.#terminating = new TerminatingServers();
    const result = await cleanUp(this.#settings, this.#claims.isKnown ? this.#claims : null);
    if (result.outcome === 'ok') this.#claims = new Claims(this.#settings.journal);
    return result;
  }

  watch(onDrift: (what: string) => void, onProblem?: (problem: BackendError) => void): () => void {
    const undo = this.#settings.driver.watch?.((what) => {
      this.#suspect = true;
      onDrift(what);
    }, onProblem);
    return () => undo?.();
  }

  close(): Promise<void> {
    return this.#settings.driver.close();
  }

  async #prepare(): Promise<BackendError | null> {
    if (this.#prepared) return null;
    const error = await prepareKernel(this.#settings);
    if (error !== null) return error;
    const randomFully = await this.#settings.driver.knowsRandomFully();
    if (!randomFully.ok) return randomFully.error;
    this.#randomFully = randomFully.value;
    this.#prepared = true;
    return null;
  }

  async #increment(beliefs: Beliefs, report: SyncReport): Promise<void> {
    const plan = planIncrement({
      ...this.#planInput(this.#terminating),
      steps: this.#wanted.takeSteps(),
      space: (id) => beliefs.space(id),
      conflicts: this.#claims.others,
    });
    if (plan.isEmpty) return;
    const executed = await this.#execute(plan, report);
    report.reach('partial');
    for (const { operation } of executed.done) beliefs.note(operation);
    // What failed here may be no failure once the kernel has been looked at: reconciling has the last word.
    if (executed.failures.length > 0) this.#beliefs = null;
  }

  #mustReconcile(report: SyncReport): boolean {
    const beliefs = this.#beliefs;
    if (beliefs === null || this.#suspect || !beliefs.hasProgram(this.#currentProgram())) return true;
    const age = this.#settings.clock.now() - beliefs.since;
    return report.isIdle && age >= this.#settings.reconcileInterval;
  }

  async #reconcile(report: SyncReport): Promise<BackendError | null> {
    const unexpected = this.#beliefs?.hasProgram(this.#currentProgram()) === true;
    const differences = unexpected ? 'drift' : 'expected';
    let executed = await this.#lookAndRepair(report, differences);
    // The listing had missed what the kernel holds: another one has the last word.
    if ('done' in executed && executed.surprises.length > 0) {
      executed = await this.#lookAndRepair(report, differences);
    }
    if (!('done' in executed)) return executed;
    reportFailures(report, executed);
    return null;
  }

  async #lookAndRepair(
    report: SyncReport,
    differences: 'drift' | 'expected',
  ): Promise<Executed | BackendError> {
    const since = this.#settings.clock.now();
    this.#beliefs = null;
    // Ahead of the listing: what changes behind it may not be in it.
    this.#suspect = false;
    const compared = await this.#compare(this.#terminating);
    if (!compared.ok) return compared.error;
    const { plan, conflicts, observed } = compared.value;
    this.#claims.setOthers(conflicts);
    const executed = await this.#execute(plan, report);
    report.reach('full');
    if (differences === 'drift') report.repair(driftOf(executed.done));
    if (executed.failures.length > 0) {
      // A module that was unloaded takes its settings with it.
      this.#prepared = false;
      return executed;
    }
    this.#beliefs = new Beliefs({ family: this.family, observed, program: this.#currentProgram(), since });
    for (const { operation } of executed.done) this.#beliefs.note(operation);
    return executed;
  }

  /** Looks at the whole kernel state of this mode and family. */
  async #compare(terminating: TerminatingServers): Promise<DriverResult<Comparison>> {
    const { driver } = this.#settings;
    const seen = await driver.observe();
    if (!seen.ok) return seen;
    const observed = seen.value;
    if (observed.device === 'foreign') return { ok: false, error: foreignDevice() };
    if (!sameMembers(observed.hostAddresses, this.#wanted.hostAddresses)) {
      this.#wanted.setHostAddresses(observed.hostAddresses);
    }
    this.#wanted.takeSteps();
    const program = this.#currentProgram();
    const drift = await driver.programDrift(program);
    if (!drift.ok) return drift;
    await this.#claims.learn((journal) =>
      ownedServers(this.family, withWanted(this.#wanted, observed), journal, this.#wanted.nodePortAddresses),
    );
    const reconciliation = planReconciliation({
      ...this.#planInput(terminating),
      observed,
      owned: this.#claims.ours,
      program,
      programDiffers: drift.value.length > 0,
    });
    return { ok: true, value: { ...reconciliation, observed } };
  }

  async #scan(report: SyncReport): Promise<void> {
    const now = this.#settings.clock.now();
    const all = now - this.#scannedAt >= this.#settings.gracefulScanInterval;
    const keys = all ? this.#terminating.servers() : [...this.#unscanned];
    if (all) this.#scannedAt = now;
    if (keys.length === 0) return;
    const scan = await scanTerminating(this.#executor, {
      terminating: this.#terminating,
      keys,
      now,
      maxAge: this.#settings.gracefulMaxAge,
      ownerOf: (key) => this.#wanted.servers.ownerOf(key),
    });
    if (!scan.ok) return reportFailures(report, { failures: [scanFailure(scan.error)], fatal: undefined });
    countExecuted(report, scan.executed);
    reportFailures(report, scan.executed);
    if (scan.executed.counts.size > 0) report.reach('partial');
    if (scan.executed.failures.length === 0) this.#unscanned.clear();
    else for (const key of keys) this.#unscanned.add(key);
  }

  async #execute(plan: Comparison['plan'], report: SyncReport): Promise<Executed> {
    const executed = await execute(this.#executor, plan);
    countExecuted(report, executed);
    for (const { operation } of plan.operations()) {
      if (operation.kind === 'real-update' && operation.real.weight === 0) {
        this.#unscanned.add(virtualServerKey(operation.server));
      }
    }
    return executed;
  }

  get #executor(): Executor {
    return { driver: this.#settings.driver, claims: this.#claims };
  }

  #planInput(terminating: TerminatingServers): PlanInput {
    const { family, excludeCIDRs, clock } = this.#settings;
    return { family, wanted: this.#wanted, terminating, excludeCIDRs, now: clock.now() };
  }

  /** The same object as long as nothing that it depends on changes. */
  #currentProgram(): Program {
    const { node } = this.#wanted;
    const options: ProgramOptions = {
      family: this.family,
      detector: node?.localDetector ?? { kind: 'none' },
      clusterMasquerade: node === undefined ? 'service-addresses' : clusterMasquerade(node),
      masqueradeBit: this.#settings.masqueradeBit,
      randomFully: this.#randomFully,
    };
    const text = JSON.stringify(options);
    if (this.#program?.options !== text) this.#program = { options: text, program: packetFilter(options) };
    return this.#program.program;
  }
}
