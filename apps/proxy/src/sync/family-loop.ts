/** One IP family from end to end: its backend, its loop, and what follows a sync. */
import {
  FAMILIES,
  formatBackendError,
  type Backend,
  type BackendError,
  type Built,
  type Clock,
  type Family,
  type Model,
  type ServiceFailure,
} from '@signalbox/core';
import type { Events, FlowCleaner } from '../compose/composition.ts';
import type { HealthState } from '../health/health-state.ts';
import type { ServiceHealth } from '../health/service-health.ts';
import type { SyncHistory } from '../inspect/sync-history.ts';
import type { Logger } from '../logging/logger.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { LocalNodePorts } from '../modes/proxy-mode.ts';
import type { StateFile } from '../node/state-file.ts';
import type { UnsupportedReporter } from './unsupported-reporter.ts';
import { recordSync } from '../metrics/record-sync.ts';
import type { FamilyTrace } from '../tracing/change-traces.ts';
import { createFirstVerification, type FirstVerification } from './first-verification.ts';
import { createFrontendRecord } from './frontend-record.ts';
import { createRefusalReporter, type RefusalReporter } from './refusal-reporter.ts';
import type { SharedAddressReporter } from './shared-address-reporter.ts';
import { createStaleFlows, type StaleFlows } from './stale-flows.ts';
import { createSyncLoop, type Periods, type SyncLoop, type SyncReport } from './sync-loop.ts';

export interface FamilyLoopOptions {
  readonly backend: Backend;
  readonly model: Model;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Events;
  readonly metrics: ProxyMetrics;
  readonly health: HealthState;
  readonly serviceHealth: ServiceHealth;
  readonly syncs: SyncHistory;
  /** Absent: syncs are not traced. */
  readonly trace?: FamilyTrace;
  readonly flows: FlowCleaner | null;
  /** Holds the frontends whose flows the next start looks for; unused without `flows`. */
  readonly frontends: () => StateFile;
  /** `null`: the mode shares no address with other hosts. */
  readonly sharedAddresses: SharedAddressReporter | null;
  readonly unsupported: UnsupportedReporter;
  /** `null`: the mode's rules serve all node ports that are served. */
  readonly localNodePorts: LocalNodePorts | null;
  readonly periods: () => Periods;
  /** Before each build: reads the node's addresses into the model. */
  readonly refresh: () => void;
  /** Once: the kernel shows what the first sync wrote. */
  readonly onVerified?: () => void;
  /** The kernel does not show it, for now. */
  readonly onMissed?: (why: string) => void;
  /** After each failed sync. */
  readonly onFailed?: (error: BackendError) => void;
  /** See `SyncLoopOptions`. */
  readonly rebuildFirst?: boolean;
}

export interface FamilyLoop extends SyncLoop {
  readonly family: Family;
  /** Node ports at loopback addresses that the last sync could not open. */
  localFailures(): readonly ServiceFailure[];
  close(): Promise<void>;
}

export function createFamilyLoop(options: FamilyLoopOptions): FamilyLoop {
  const { backend, health } = options;
  const { family } = backend;
  const verification = createFirstVerification({ ...options, again: () => loop.request('verify') });
  const loop = createFamilySyncLoop(options, verification);
  let unwatch = (): void => undefined;
  return {
    family,
    start: () => {
      health.started(family);
      loop.start();
      const onProblem = (problem: BackendError): void => logWatchProblem(options, problem);
      unwatch = backend.watch?.((what) => loop.request(`drift: ${what}`), onProblem) ?? unwatch;
    },
    request: (reason) => loop.request(reason),
    stop: async () => {
      await loop.stop();
      // The next mode may need the ports.
      await options.localNodePorts?.close();
    },
    localFailures: () => options.localNodePorts?.failures() ?? [],
    close: async () => {
      unwatch();
      verification.stop();
      options.sharedAddresses?.stop();
      options.flows?.close();
      await backend.close();
    },
  };
}

function logWatchProblem({ logger, backend }: FamilyLoopOptions, problem: BackendError): void {
  const { family, mode } = backend;
  const err = formatBackendError(problem);
  logger.warning('Detection of changes by other processes is degraded', { family, mode, err });
}

function createFamilySyncLoop(options: FamilyLoopOptions, verification: FirstVerification): SyncLoop {
  const { model, health, metrics, clock, backend } = options;
  const { family } = backend;
  const after: AfterSync = {
    ...options,
    refusals: createRefusalReporter(family, options.events),
    staleFlows: flowsOf(options, () => loop.request('stale flows')),
  };
  const take = (step: (family: Family) => Built) => (): Built => {
    options.trace?.syncStarts();
    options.refresh();
    verification.syncStarts();
    const built = step(family);
    options.trace?.built();
    after.staleFlows?.note(built);
    options.unsupported.note(built.change);
    recordPending(metrics, model);
    return built;
  };
  const loop: SyncLoop = createSyncLoop({
    ...options,
    build: take((own) => model.build(own)),
    rebuild: take((own) => model.rebuild(own)),
    onQueued: () => {
      health.queued(family);
      metrics.syncLastQueued.set(clock.now() / 1000, { ip_family: family });
    },
    // Also one without a change: what hangs is late like a change that waits.
    onStarted: () => health.queued(family),
    onException: (sync) => options.syncs.add({ ...sync, family, mode: backend.mode }),
    onReport: async (report) => {
      options.trace?.programmed();
      await afterSync(after, report);
      options.trace?.syncEnds(backend.mode, report);
      await verification.syncEnded(report.result);
      if (report.result.error !== undefined) options.onFailed?.(report.result.error);
    },
  });
  return loop;
}

function flowsOf(options: FamilyLoopOptions, again: () => void): StaleFlows | null {
  const { flows, frontends, backend } = options;
  if (flows === null) return null;
  const record = createFrontendRecord({ ...options, file: frontends() });
  return createStaleFlows({ ...options, family: backend.family, cleaner: flows, record, again });
}

interface AfterSync extends FamilyLoopOptions {
  readonly refusals: RefusalReporter;
  readonly staleFlows: StaleFlows | null;
}

async function afterSync(after: AfterSync, report: SyncReport): Promise<void> {
  const {
    metrics,
    health,
    model,
    backend: { family, mode },
  } = after;
  after.syncs.add({ ...report, family, mode });
  recordSync(metrics, family, report);
  recordPending(metrics, model);
  if (report.result.outcome === 'failed') {
    health.queued(family);
    await deleteStaleFlows(after, report);
    return;
  }
  health.updated(family);
  after.refusals.synced(report.result.failures);
  after.sharedAddresses?.synced(report.state);
  after.unsupported.synced(after.backend);
  if (report.morePending) health.queued(family);
  await after.serviceHealth.sync(report.state.healthChecks);
  await after.localNodePorts?.sync(report.state);
  await deleteStaleFlows(after, report);
}

async function deleteStaleFlows(
  { staleFlows, trace }: AfterSync,
  { result, state }: SyncReport,
): Promise<void> {
  if (staleFlows === null) return;
  trace?.staleFlowsStart();
  await staleFlows.afterSync(result, state);
  trace?.staleFlowsEnd();
}

function recordPending(metrics: ProxyMetrics, model: Model): void {
  // What no family's rules depend on waits for nothing, though the model still counts it.
  const waiting = FAMILIES.some((family) => model.hasPending(family));
  const { services, endpointSlices } = waiting ? model.pending() : { services: 0, endpointSlices: 0 };
  metrics.serviceChangesPending.set(services);
  metrics.endpointChangesPending.set(endpointSlices);
}
