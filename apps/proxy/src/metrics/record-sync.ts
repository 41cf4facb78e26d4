import type { Family } from '@signalbox/core';
import type { SyncReport } from '../sync/sync-loop.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

/** What one sync means for the metrics. */
export function recordSync(metrics: ProxyMetrics, family: Family, report: SyncReport): void {
  const labels = { ip_family: family };
  const seconds = (report.endedAt - report.startedAt) / 1000;
  const { result } = report;
  metrics.syncDuration.observe(seconds, labels);
  if (result.scope === 'full') metrics.syncFullDuration.observe(seconds, labels);
  if (result.scope === 'partial') metrics.syncPartialDuration.observe(seconds, labels);
  recordCounters(metrics, family, report);
  const { cleanupFailures = 0 } = result.counters;
  if (cleanupFailures > 0) metrics.cleanupFailures.inc(labels, cleanupFailures);
  recordFailedWrites(metrics, family, report);
  recordRepairs(metrics, family, report);
  if (result.outcome === 'failed') {
    recordFailure(metrics, family, report);
    return;
  }
  metrics.refused.set(result.failures.length, labels);
  metrics.syncLast.set(report.endedAt / 1000, labels);
  for (const time of report.triggerTimes) {
    metrics.networkProgramming.observe(Math.max(0, report.endedAt - time) / 1000, labels);
  }
  const { counts } = report.state;
  const policy = (traffic_policy: string) => ({ traffic_policy, ip_family: family });
  metrics.noLocalEndpoints.set(counts.noLocalEndpointsInternal, policy('internal'));
  metrics.noLocalEndpoints.set(counts.noLocalEndpointsExternal, policy('external'));
}

/** All kinds from the first sync on: a rate needs a value before the first repair. */
function recordRepairs(metrics: ProxyMetrics, family: Family, { result }: SyncReport): void {
  for (const kind of ['missing', 'altered', 'stale'] as const) {
    const repaired = result.repaired.filter((drift) => drift.kind === kind);
    metrics.driftRepaired.inc({ ip_family: family, kind }, repaired.length);
  }
}

function recordFailure(metrics: ProxyMetrics, family: Family, { result }: SyncReport): void {
  metrics.syncFailures.inc({ ip_family: family });
  if (result.error?.operation.includes('restore') !== true) return;
  metrics.restoreFailures.inc({ ip_family: family });
  if (result.scope === 'partial') metrics.partialRestoreFailures.inc({ ip_family: family });
}

/** Kinds of writes of the kernelspace backend whose failures are counted: `create-load-balancer/nodeport/other`. */
const WRITES = {
  'create-load-balancer': 'loadBalancerCreateFailures',
  'modify-load-balancer': 'loadBalancerUpdateFailures',
  'delete-load-balancer': 'loadBalancerDeleteFailures',
} as const;

function recordFailedWrites(
  metrics: ProxyMetrics,
  family: Family,
  { result: { counters } }: SyncReport,
): void {
  for (const [name, count] of Object.entries(counters)) {
    // Counters of the other backends, at each of their syncs.
    if (!name.includes('/')) continue;
    const [kind, lb_type, error] = name.split('/');
    const write = kind === undefined ? undefined : WRITES[kind as keyof typeof WRITES];
    if (write === undefined || lb_type === undefined || error === undefined) continue;
    metrics[write].inc({ ip_family: family, lb_type, error }, count);
  }
}

/** Counters of the iptables backend: rules held now, and written this time. */
const RULE_COUNTERS = {
  nat: { held: 'rulesTotalNat', written: 'rulesWrittenNat' },
  filter: { held: 'rulesTotalFilter', written: 'rulesWrittenFilter' },
} as const;

function recordCounters(metrics: ProxyMetrics, family: Family, { result: { counters } }: SyncReport): void {
  for (const table of ['nat', 'filter'] as const) {
    const labels = { table, ip_family: family };
    const held = counters[RULE_COUNTERS[table].held];
    const written = counters[RULE_COUNTERS[table].written];
    if (held !== undefined) metrics.iptablesRules.set(held, labels);
    if (written !== undefined) metrics.iptablesRulesLast.set(written, labels);
  }
}
