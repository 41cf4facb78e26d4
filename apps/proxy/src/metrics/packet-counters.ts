import type { PacketCounters } from '../modes/proxy-mode.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { Registry } from './registry.ts';

/** The kernel counts; the values are read at each scrape. A value that cannot be read keeps its last one. */
export function registerPacketCounters(
  registry: Registry,
  metrics: Pick<ProxyMetrics, 'invalidDropped' | 'localhostNodePorts'>,
  current: () => Pick<PacketCounters, 'read'> | null,
): void {
  registry.onCollect(async () => {
    const counters = current();
    if (counters === null) return;
    const { invalidDropped, localhostNodePorts } = await counters.read();
    if (invalidDropped !== null) metrics.invalidDropped.set(invalidDropped);
    if (localhostNodePorts !== null) metrics.localhostNodePorts.set(localhostNodePorts);
  });
}
