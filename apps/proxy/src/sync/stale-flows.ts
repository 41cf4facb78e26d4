/**
 * What a sync leaves to be done in connection tracking. Nothing is forgotten before it is done: a flow to a dead pod
 * that is overlooked once goes on as long as its client sends.
 */
import {
  formatBackendError,
  formerServicePorts,
  wholeState,
  type BackendError,
  type Built,
  type Clock,
  type DesiredServicePort,
  type DesiredState,
  type Family,
  type ServicePortChange,
  type SyncResult,
} from '@signalbox/core';
import type { FlowCleaner, FlowTask } from '../compose/composition.ts';
import { isTransient } from '../compose/transient.ts';
import type { Logger } from '../logging/logger.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';

export interface StaleFlowsOptions {
  readonly family: Family;
  readonly cleaner: FlowCleaner;
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
  former: readonly DesiredServicePort[];
  /** Not every rule is in place, or was until now: flows may begin that no rule redirects. */
  gap: boolean;
  /** Flows of Services that no change names are looked for, too. */
  orphans: boolean;
  /** Clean-ups in a row. */
  failures: number;
}

export function createStaleFlows(options: StaleFlowsOptions): StaleFlows {
  const work: Work = { scope: 'nothing', former: [], gap: false, orphans: false, failures: 0 };
  return {
    note: ({ change }) => {
      work.scope = work.scope === 'nothing' ? change : 'everything';
      // The ranges of cluster IPs may be listed after the first sync: they are a part of the node's state.
      work.orphans ||= change.kind === 'full' || change.nodeChanged;
      work.former = [...work.former, ...formerServicePorts(change)].slice(-MOST_FORMER);
    },
    afterSync: async ({ outcome, repaired }, state) => {
      work.gap ||= outcome !== 'ok';
      if (outcome === 'failed') return;
      // What a partial success leaves out may do so for long: everything is looked at once all is in place.
      if (repaired.length > 0 || (work.gap && outcome === 'ok')) work.scope = 'everything';
      if (outcome === 'ok') work.gap = false;
      await clean(options, work, state);
    },
  };
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
