import type { Family } from '@signalbox/core';
import type { Gauge, Registry } from './registry.ts';

/** Since the start of the process, except `open`. */
export interface ConnectionCounts {
  readonly open: number;
  readonly forwarded: number;
  readonly refused: number;
  readonly overflow: number;
  readonly unserved: number;
  readonly failedAttempts: number;
  readonly upstream: Readonly<Record<UpstreamCount, number>>;
}

const UPSTREAM = {
  upstream_cx_active: 'Connections to endpoints that are open or being opened',
  upstream_cx_overflow: 'Connections refused at the limit signalbox.dev/max-connections of a Service',
  upstream_cx_connect_fail: 'Attempts to connect to an endpoint that failed',
  upstream_cx_connect_timeout: 'Attempts to connect to an endpoint that had no answer in time',
  upstream_rq_pending_overflow:
    'Connections refused at the limit signalbox.dev/max-pending-connects of a Service',
  upstream_rq_retry_overflow:
    'Connections that got no further attempt, at the limit signalbox.dev/max-retries of a Service',
  outlier_detection_ejections_active: 'Endpoints that are ejected after consecutive failures',
  outlier_detection_ejections_enforced: 'Ejections of endpoints',
  outlier_detection_ejections_overflow: 'Ejections not made because half of the endpoints were ejected',
  health_check_attempt: 'TCP checks of endpoints',
  health_check_failure: 'TCP checks of endpoints that failed',
} as const;

/** The names are those of Envoy's statistics. */
type UpstreamCount = keyof typeof UPSTREAM;

const UPSTREAM_COUNTS = Object.keys(UPSTREAM) as readonly UpstreamCount[];

export interface ConnectionMetrics {
  readonly connectionsOpen: Gauge;
  readonly connections: Gauge;
  readonly failedAttempts: Gauge;
  readonly upstream: Readonly<Record<UpstreamCount, Gauge>>;
}

export function connectionMetrics(registry: Registry): ConnectionMetrics {
  const name = (rest: string): string => `kubeproxy_userspace_${rest}`;
  return {
    connectionsOpen: registry.gauge({
      name: name('connections'),
      help: '[ALPHA] Open TCP connections and UDP sessions',
      labels: ['ip_family'],
    }),
    connections: registry.gauge({
      name: name('connections_total'),
      help: '[ALPHA] TCP connections and UDP sessions, by result: forwarded, refused (no route for the source), overflow (limit of open files), unserved (no endpoint answered)',
      labels: ['result', 'ip_family'],
      as: 'counter',
    }),
    failedAttempts: registry.gauge({
      name: name('failed_attempts_total'),
      help: '[ALPHA] Attempts to reach an endpoint that it refused or did not answer in time',
      labels: ['ip_family'],
      as: 'counter',
    }),
    upstream: upstreamMetrics(registry),
  };
}

function upstreamMetrics(registry: Registry): ConnectionMetrics['upstream'] {
  const gauges = UPSTREAM_COUNTS.map((count) => {
    const isNow = count.endsWith('_active');
    const gauge = registry.gauge({
      name: `signalbox_userspace_${count}${isNow ? '' : '_total'}`,
      help: `[ALPHA] ${UPSTREAM[count]}`,
      labels: ['ip_family'],
      ...(isNow ? {} : { as: 'counter' }),
    });
    return [count, gauge] as const;
  });
  return Object.fromEntries(gauges) as Record<UpstreamCount, Gauge>;
}

/** The mode counts; the values are read at each scrape. */
export function registerConnectionCounts(
  registry: Registry,
  metrics: ConnectionMetrics,
  current: () => ReadonlyMap<Family, { readonly connectionCounts?: () => Promise<ConnectionCounts> }>,
): void {
  registry.onCollect(async () => {
    for (const [family, { connectionCounts }] of current()) {
      const counts = await connectionCounts?.();
      if (counts === undefined) continue;
      const labels = { ip_family: family };
      metrics.connectionsOpen.set(counts.open, labels);
      metrics.failedAttempts.set(counts.failedAttempts, labels);
      for (const count of UPSTREAM_COUNTS) metrics.upstream[count].set(counts.upstream[count], labels);
      for (const result of ['forwarded', 'refused', 'overflow', 'unserved'] as const)
        metrics.connections.set(counts[result], { ...labels, result });
    }
  });
}
