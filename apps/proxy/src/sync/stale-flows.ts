/**
 * What a sync leaves to be done in connection tracking. Nothing is forgotten before it is done: a flow to a dead pod
 * that is overlooked once goes on as long as its client sends.
 */
import {
  formatBackendError,
  formerServicePorts,
  mayLeaveStaleFlows,
  trackedServicePorts,
  wholeState,
  type BackendError,
  type Built,
  type Clock,
  type DesiredState,
  type Family,
  type FlowServicePort,
  type ServicePortChange,
  type SyncResult,
} from '@signalbox/core';
import type { FlowCleaner, FlowTask } from '../compose/composition.ts';
import { isTransient } from '../compose/transient.ts';
import type { Logger } from '../logging/logger.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { FrontendRecord } from './frontend-record.ts';

export interface StaleFlowsOptions {
  readonly family: Family;
  readonly cleaner: FlowCleaner;
  readonly record: FrontendRecord;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  /** Asks for another sync, and with it another try. */
  readonly again: () => void;
}

export interface StaleFlows {
  /** Before each sync: the step that it writes. */
  note(built: Pick<Built, 'change'>): void;
  /** After each sync. */
  afterSync(result: Pick<SyncResult, 'outcome' | 'repaired'>, state: DesiredState): Promise<void>;
}

/** So many times a failure is followed by another try at once; later ones wait for the next sync there is. */
const EAGER_TRIES = 5;

/** Of service ports that are gone, while the kernel refuses to be asked: beyond this the oldest are forgotten. */
const MOST_FORMER = 10_000;

interface Work {
  /** What has to be looked at; more than one step's is looked at as a whole. */
  scope: 'nothing' | 'everything' | ServicePortChange;
  /** What steps since the last clean-up have taken away or altered. */
  former: readonly FlowServicePort[];
  /** `former` holds what an earlier process has recorded, too. */
  recalled: boolean;
  /** The record lacks a change. */
  unrecorded: boolean;
  /** Not every rule is in place, or was until now: flows may begin that no rule redirects. */
  gap: boolean;
  /** Flows of Services that no change names are looked for, too. */
  orphans: boolean;
  /** Clean-ups in a row. */
  failures: number;
}

export function createStaleFlows(options: StaleFlowsOptions): StaleFlows {
  const work: Work = {
    scope: 'nothing',
    former: [],
    recalled: false,
    unrecorded: false,
    gap: false,
    orphans: false,
    failures: 0,
  };
  return {
    note: ({ change }) => {
      work.scope = work.scope === 'nothing' ? change : 'everything';
      // The ranges of cluster IPs may be listed after the first sync: they are a part of the node's state.
      work.orphans ||= change.kind === 'full' || change.nodeChanged;
      work.unrecorded ||= change.kind === 'full' || mayLeaveStaleFlows(change);
      work.former = [...work.former, ...formerServicePorts(change)].slice(-MOST_FORMER);
    },
    afterSync: async ({ outcome, repaired }, state) => {
      work.gap ||= outcome !== 'ok';
      if (outcome === 'failed') return;
      // What a partial success leaves out may do so for long: everything is looked at once all is in place.
      if (repaired.length > 0 || (work.gap && outcome === 'ok')) work.scope = 'everything';
      if (outcome === 'ok') work.gap = false;
      if (!work.recalled) await recall(options, work);
      await clean(options, work, state);
      if (!work.unrecorded) return;
      // Until its flows are gone, what has gone is kept: this process may end first.
      options.record.keep([...trackedServicePorts(state), ...work.former]);
      work.unrecorded = work.former.length > 0;
    },
  };
}

/** What was there when the last process wrote it: the rest of it is gone, or belongs to the present Services. */
async function recall({ record }: StaleFlowsOptions, work: Work): Promise<void> {
  const recorded = await record.load();
  work.recalled = true;
  if (recorded.length === 0) return;
  work.former = [...recorded, ...work.former].slice(-MOST_FORMER);
  work.scope = 'everything';
}

async function clean(options: StaleFlowsOptions, work: Work, state: DesiredState): Promise<void> {
  const { scope, former, orphans } = work;
  if (scope === 'nothing') return;
  const change = scope === 'everything' ? wholeState(state, former) : scope;
  const error = await attempt(options, { change, state, orphans });
  const isOver = error === undefined || !isTransient(error);
  if (error !== undefined) {
    const retry = isOver ? {} : { retry: 'after the next sync' };
    const err = formatBackendError(error);
    options.logger.error('Failed to delete stale conntrack entries', {
      err,
      family: options.family,
      ...retry,
    });
  }
  work.scope = isOver ? 'nothing' : 'everything';
  work.failures = isOver ? 0 : work.failures + 1;
  if (isOver) {
    work.former = [];
    work.orphans = false;
  } else if (work.failures <= EAGER_TRIES) options.again();
}

async function attempt(
  { cleaner, clock, metrics, family }: StaleFlowsOptions,
  task: FlowTask,
): Promise<BackendError | undefined> {
  const startedAt = clock.now();
  const outcome = await cleaner.clean(task);
  if (outcome === null) return undefined;
  const labels = { ip_family: family };
  metrics.conntrackDuration.observe((clock.now() - startedAt) / 1000, labels);
  metrics.conntrackDeleted.inc(labels, outcome.deleted);
  return outcome.error;
}
