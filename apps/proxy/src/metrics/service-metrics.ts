/**
 * Connections of single Services and endpoints (--service-metrics): a limited number of series, read from the kernel at a scrape,
 * but not at every scrape.
 */
import {
  type Backend,
  type Clock,
  type EndpointCount,
  type Family,
  formatAddressPort,
  parseServicePortKey,
  type ServicePortKey,
} from '@signalbox/core';
import type { Gauge, Registry } from './registry.ts';

export interface ServiceMetricsSources {
  readonly clock: Pick<Clock, 'now' | 'schedule'>;
  /** Series of Services come before those of endpoints. */
  readonly maxSeries: number;
  readonly backends: () => ReadonlyMap<Family, Pick<Backend, 'inspect'>>;
}

const SERVICE_METRICS = {
  service: 'kubeproxy_service_connections_total',
  endpoint: 'kubeproxy_endpoint_connections_total',
  dropped: 'kubeproxy_service_metrics_dropped_series',
  failures: 'kubeproxy_service_metrics_read_failures_total',
} as const;

const SERVICE_LABELS = ['ip_family', 'namespace', 'service', 'port', 'protocol'];

interface Metrics {
  readonly service: Gauge;
  readonly endpoint: Gauge;
  readonly dropped: Gauge;
}

export function registerServiceMetrics(registry: Registry, sources: ServiceMetricsSources): void {
  const metrics: Metrics = {
    service: registry.gauge({
      name: SERVICE_METRICS.service,
      help: '[ALPHA] Connections to a service port that the kernel counted; an endpoint that is replaced counts from 0',
      labels: SERVICE_LABELS,
      as: 'counter',
    }),
    endpoint: registry.gauge({
      name: SERVICE_METRICS.endpoint,
      help: '[ALPHA] Connections to an endpoint of a service port that the kernel counted',
      labels: [...SERVICE_LABELS, 'endpoint'],
      as: 'counter',
    }),
    dropped: registry.gauge({
      name: SERVICE_METRICS.dropped,
      help: '[ALPHA] Series of Services and endpoints beyond --service-metrics-max-series',
    }),
  };
  const failures = registry.counter({
    name: SERVICE_METRICS.failures,
    help: '[ALPHA] Readings of connections from the kernel that failed; the last values stay',
    labels: ['ip_family'],
  });
  const known = new Map<Family, readonly ServiceCounts[]>();
  const read = async (): Promise<void> => {
    const backends = sources.backends();
    for (const family of known.keys()) if (!backends.has(family)) known.delete(family);
    for (const [family, backend] of backends) {
      const counts = await readCounts(family, backend);
      failures.inc({ ip_family: family }, counts === null ? 1 : 0);
      if (counts !== null) known.set(family, counts);
    }
    show(metrics, [...known.values()].flat(), sources.maxSeries);
  };
  registry.onCollect(createRefresh(sources.clock, read));
}

interface ServiceCounts {
  readonly labels: Readonly<Record<string, string>>;
  readonly endpoints: readonly EndpointCount[];
}

async function readCounts(
  family: Family,
  backend: Pick<Backend, 'inspect'>,
): Promise<readonly ServiceCounts[] | null> {
  const inspected = await backend.inspect?.(null);
  if (inspected === undefined) return [];
  if (inspected.outcome === 'failed') return null;
  const sorted = [...inspected.servicePorts].sort(([one], [other]) => (one < other ? -1 : 1));
  return sorted.flatMap(([key, { endpoints }]) => {
    const labels = labelsOf(family, key);
    // The mode has no counters for a service port without endpoints.
    return labels === null || endpoints.length === 0 ? [] : [{ labels, endpoints }];
  });
}

function labelsOf(family: Family, key: ServicePortKey): ServiceCounts['labels'] | null {
  const parsed = parseServicePortKey(key);
  if (parsed === null) return null;
  const { namespace, name, port, protocol } = parsed;
  return { ip_family: family, namespace, service: name, port, protocol };
}

function show(metrics: Metrics, services: readonly ServiceCounts[], maxSeries: number): void {
  metrics.service.clear();
  metrics.endpoint.clear();
  let left = maxSeries;
  for (const { labels, endpoints } of services) {
    if (left-- <= 0) continue;
    const total = endpoints.reduce((sum, { connections }) => sum + connections, 0);
    metrics.service.set(total, labels);
  }
  for (const { labels, endpoints } of services) {
    for (const { address, port, connections } of endpoints) {
      if (left-- <= 0) continue;
      metrics.endpoint.set(connections, { ...labels, endpoint: formatAddressPort(address, port) });
    }
  }
  metrics.dropped.set(Math.max(0, -left));
}

/** Several scrapers, or one with a short interval, share a reading. */
const SHORTEST_INTERVAL = 15_000;
/** The kernel is read for at most this share of the time. */
const TIME_SHARE = 0.05;
/** A scraper waits 10 s by default: a reading that takes longer ends for the next scrape. */
const LONGEST_WAIT = 5000;

function createRefresh(
  clock: ServiceMetricsSources['clock'],
  read: () => Promise<void>,
): () => Promise<void> {
  let reading: Promise<void> | null = null;
  let last = { endedAt: -Infinity, pause: 0 };
  const start = async (): Promise<void> => {
    const startedAt = clock.now();
    try {
      await read();
    } finally {
      const endedAt = clock.now();
      last = { endedAt, pause: Math.max(SHORTEST_INTERVAL, (endedAt - startedAt) / TIME_SHARE) };
      reading = null;
    }
  };
  return async () => {
    const age = clock.now() - last.endedAt;
    // Negative where the time of day was set back.
    if (reading === null && (age >= last.pause || age < 0)) reading = start();
    if (reading !== null) await atMost(clock, LONGEST_WAIT, reading);
  };
}

async function atMost(
  clock: ServiceMetricsSources['clock'],
  milliseconds: number,
  work: Promise<void>,
): Promise<void> {
  let cancel = (): void => undefined;
  const waited = new Promise<void>((resolve) => {
    cancel = clock.schedule(milliseconds, resolve);
  });
  await Promise.race([work, waited]);
  cancel();
}
