import { createSyncReport, type SyncReport } from '@signalbox/backend-kit';
import {
  type Backend,
  backendError,
  type BackendError,
  type DesiredChange,
  isEmptyChange,
  type SyncResult,
  validatedSync,
} from '@signalbox/core';
import { BALANCING, balancingOn } from '../compile/load-balancing.ts';
import { planIncrement } from '../diff/increment.ts';
import { createPlan } from '../diff/plan.ts';
import { rebuild, type Reconciliation, reconcile } from '../diff/reconcile.ts';
import { createDesiredObjects, type DesiredObjects } from '../diff/desired-objects.ts';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { isSameStructure, type Observed } from '../objects/observed.ts';
import { maglevSlotsOf, markOf, type NftablesOptions } from '../options.ts';
import { type BackendState, createBackendState, UNKNOWN } from './backend-state.ts';
import { cleanUp, driftIn, observe } from './observe.ts';
import { commitPlan, type CommitWork } from './commit-plan.ts';
import { difference } from './difference.ts';
import { inspect } from './inspect.ts';
import { leaveOutRefused, retryRefused } from './refused-services.ts';
import { createRejectionCounter, type RejectedPackets } from './rejected-packets.ts';
import { watchGeneration } from './watch-generation.ts';

/**
 * Services by the maps of table `kube-proxy`, over netlink. Needs CAP_NET_ADMIN in the user namespace of the network
 * namespace, and no program.
 *
 * `counters` of a sync: `batches`, `elementsAdded`, `elementsReplaced`, `elementsDeleted`, `chainsWritten`, `chainsDeleted`,
 * `objectsChanged`; `cleanupFailures`: batches refused that only remove what nothing uses any more; `elementsTotal`: elements held now but for those of endpoints; `groupsTotal`: frontends with endpoints.
 */
export interface NftablesBackend extends Backend {
  /** To node ports at loopback addresses, by protocol, since this backend was made. */
  rejectedPackets(): Promise<RejectedPackets>;
}

/**
 * A backend for one address family. Opens no socket before the first call.
 * Throws a RangeError if `maglevSlots` is not one of the sizes.
 */
export function createNftablesBackend(options: NftablesOptions): NftablesBackend {
  const { family } = options;
  const driver = options.driver ?? createNetlinkDriver({ family });
  const verifier = options.verifier ?? options.driver ?? createNetlinkDriver({ family });
  const state = createBackendState(options.ownCommits);
  const maglevSlots = maglevSlotsOf(options);
  return {
    mode: 'nftables',
    family,
    sync: validatedSync(
      family,
      (change) => syncAlone({ options, maglevSlots, driver, state }, change),
      BALANCING,
    ),
    balancing: () => state.balancing,
    observe: () => observe(verifier, state),
    inspect: (keys) => inspect(verifier, state, keys),
    difference: () => difference(verifier, state),
    observesBesideSync: verifier !== driver,
    rejectedPackets: createRejectionCounter(verifier, state),
    cleanup: () => cleanUp(driver, state),
    watch: (onDrift) => watchGeneration({ options, driver, verifier, state, onDrift }),
    close: () => {
      for (const each of new Set([driver, verifier])) each.close();
      return Promise.resolve();
    },
  };
}

interface SyncInput {
  readonly options: NftablesOptions;
  readonly maglevSlots: number;
  readonly driver: NftablesDriver;
  readonly state: BackendState;
}

async function syncAlone(input: SyncInput, change: DesiredChange): Promise<SyncResult> {
  const { state } = input;
  state.busy = true;
  try {
    return await syncOnce(input, change);
  } catch (error) {
    state.held = UNKNOWN;
    throw error;
  } finally {
    state.busy = false;
  }
}

async function syncOnce(input: SyncInput, change: DesiredChange): Promise<SyncResult> {
  const { driver, state } = input;
  const report = createSyncReport();
  state.backlog.apply(change);
  const desired = await prepare(input, report);
  const owed = state.backlog.owed();
  if (desired === null || owed === null) return report.result();
  state.backlog.settle();
  const work: CommitWork = { driver, state, desired, report };
  if (state.held.kind === 'held' && owed.kind === 'incremental') await syncChange(work, owed);
  else await syncAll(work, owed);
  for (const [key, error] of state.refused.all) report.fail(key, error);
  return report.result({ elementsTotal: desired.elements.size, groupsTotal: desired.groups.size });
}

/** Probes the kernel once. `null`: it cannot be used; the report has the error. */
async function prepare(
  { options, maglevSlots, driver, state }: SyncInput,
  report: SyncReport,
): Promise<DesiredObjects | null> {
  if (state.desired !== null) return state.desired;
  const probed = await driver.probe();
  if (!probed.ok) {
    report.failAll(probed.error);
    return null;
  }
  const { family } = options;
  const [mark, capabilities] = [markOf(options), probed.value];
  state.balancing = balancingOn(capabilities);
  state.desired = createDesiredObjects({ family, mark, maglevSlots, capabilities });
  return state.desired;
}

/** First what another process changed, so that it is not mistaken for what this change changes. */
async function syncChange(work: CommitWork, change: DesiredChange): Promise<void> {
  const { desired, report } = work;
  if (isEmptyChange(change)) await retryRefused(work);
  if (await isChangedByOthers(work, change)) await compareAll(work, 'repair');
  else if (isEmptyChange(change) && work.state.removalsOwed) await compareAll(work, 'expected');
  desired.apply(change);
  if (!report.hasFailed) await writeSteps(work);
}

async function syncAll(work: CommitWork, change: DesiredChange): Promise<void> {
  if (change.kind === 'full') {
    for (const key of work.state.refused.all.keys()) work.desired.admit(key);
    work.state.refused.keep(() => false);
  }
  work.desired.apply(change);
  await compareAll(work, 'expected');
}

/** Asks the kernel only where nothing else would: a batch finds out by its generation. */
async function isChangedByOthers({ driver, state }: CommitWork, change: DesiredChange): Promise<boolean> {
  const { held } = state;
  if (held.kind === 'unknown' || state.resyncRequired) return true;
  if (!isEmptyChange(change)) return false;
  const generation = await driver.generation();
  await state.ownCommits.settled();
  if (generation.ok && state.ownCommits.isOwnStep(generation.value, held.structure.generation)) return false;
  const structure = await driver.structure();
  if (!structure.ok || !isSameStructure(held.structure, structure.value)) return true;
  state.held = { ...held, structure: structure.value };
  state.unverified = true;
  return false;
}

async function writeSteps(work: CommitWork): Promise<void> {
  const { state, desired, report } = work;
  const { held } = state;
  if (held.kind === 'unknown') return compareAll(work, 'expected');
  const plan = createPlan();
  planIncrement(plan, desired.takeSteps(), { chains: desired.chains, slots: held.slots });
  if (plan.isEmpty) return;
  state.held = UNKNOWN;
  const outcome = await commitPlan(work, plan, held.structure);
  report.reach('partial');
  if (outcome.kind === 'done') state.held = { ...held, structure: outcome.structure };
  // Refused, or on top of what is not known: the comparison has the last word.
  else await compareAll(work, 'expected');
}

/** Other processes may commit between the listing and the batch; services may be refused one after the other. */
const TRIES = 5;
/** Tries in which batches were written, before another process committed, do not count up to this number. */
const MOST_TRIES = 100;

/** Reads the whole table and writes what differs. `repair`: differences are another process's doing, and reported. */
async function compareAll(work: CommitWork, differences: 'repair' | 'expected'): Promise<void> {
  const { state, report } = work;
  let error: BackendError = keptChanging();
  let way: Way = reconcile;
  let fruitless = 0;
  for (let tries = 0; tries < MOST_TRIES && fruitless < TRIES; tries++) {
    const before = state.commits;
    const outcome = await compareOnce(work, way, differences);
    if (state.commits === before || outcome !== 'changed') fruitless++;
    report.reach('full');
    if (outcome === 'done') return;
    if (outcome === 'changed') continue;
    error = outcome;
    if (isHeldByOthers(error) && way === reconcile) {
      way = rebuild;
      continue;
    }
    const isContent = error.code === 'rejected' || error.code === 'exists';
    if (!isContent || !(await leaveOutRefused(work))) break;
  }
  state.held = UNKNOWN;
  report.failAll(error);
}

type Way = (desired: DesiredObjects, observed: Observed) => Reconciliation;

/** Rules or elements of another process name a chain or set that has to be made anew. */
function isHeldByOthers({ code, operation }: BackendError): boolean {
  return code === 'busy' && (operation === 'NFT_MSG_DELCHAIN' || operation === 'NFT_MSG_DELSET');
}

async function compareOnce(
  work: CommitWork,
  way: Way,
  differences: 'repair' | 'expected',
): Promise<'done' | 'changed' | BackendError> {
  const { driver, state, desired, report } = work;
  state.held = UNKNOWN;
  const observed = await driver.observe(desired.staticSets());
  if (!observed.ok) return observed.error;
  state.resyncRequired = false;
  state.unverified = observed.value.quality === 'interrupted';
  state.removalsOwed = false;
  if (observed.value.dormant) return wakeTable(work, observed.value, differences);
  desired.skipSteps();
  const { plan, slots } = way(desired, observed.value);
  const outcome = await commitPlan(work, plan, observed.value);
  if (outcome.kind === 'failed') return outcome.error;
  if (outcome.kind === 'changed') return 'changed';
  if (differences === 'repair') {
    report.repair(driftIn(way === reconcile ? plan : reconcile(desired, observed.value).plan));
  }
  state.held = { kind: 'held', slots, structure: outcome.structure };
  return 'done';
}

/** Linux refuses new base chains in the batch that wakes their table: what else differs is for the next comparison. */
async function wakeTable(
  work: CommitWork,
  observed: Observed,
  differences: 'repair' | 'expected',
): Promise<'changed' | BackendError> {
  const plan = createPlan();
  plan.wakeTable();
  const outcome = await commitPlan(work, plan, observed);
  if (outcome.kind === 'failed') return outcome.error;
  if (outcome.kind === 'done' && differences === 'repair') work.report.repair(driftIn(plan));
  return 'changed';
}

function keptChanging(): BackendError {
  const message = 'another process kept changing the table while it was written';
  return backendError('busy', 'NFT_MSG_NEWSETELEM', message, { kernel: 'unknown' });
}
