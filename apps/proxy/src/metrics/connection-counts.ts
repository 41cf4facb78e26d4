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
}

export interface ConnectionMetrics {
  readonly connectionsOpen: Gauge;
  readonly connections: Gauge;
  readonly failedAttempts: Gauge;
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
  };
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
      for (const result of ['forwarded', 'refused', 'overflow', 'unserved'] as const)
        metrics.connections.set(counts[result], { ...labels, result });
    }
  });
}
