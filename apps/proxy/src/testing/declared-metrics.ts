/** Every metric of a proxy with its labels, whether it has a sample or not. */
import { createFeatureGates } from '../config/feature-gates.ts';
import { registerComponentMetrics, registerScrapeMetrics } from '../metrics/component-metrics.ts';
import { registerProcessMetrics } from '../metrics/process-metrics.ts';
import { createProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { Registry } from '../metrics/registry.ts';
import { registerRestClientMetrics } from '../metrics/rest-client-metrics.ts';
import { registerServiceMetrics } from '../metrics/service-metrics.ts';
import { registerStateMetrics } from '../metrics/state-metrics.ts';
import { IPTABLES } from '../modes/iptables.ts';
import { versionInfo } from '../version/version.ts';

/** Names as in a query: a histogram has `_bucket`, `_sum` and `_count`. */
export function declaredMetrics(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const registry = recordingRegistry(found);
  createProxyMetrics(registry, () => IPTABLES);
  registerComponentMetrics(registry, { version: versionInfo(null), gates: createFeatureGates({}) });
  registerScrapeMetrics(registry);
  registerProcessMetrics(registry);
  registerRestClientMetrics(registry);
  const services = { total: 0, programmed: 0, refused: 0, withoutEndpoints: 0, conflicting: 0 };
  registerStateMetrics(registry, () => ({ services, api: null }));
  const clock = { now: () => 0, schedule: () => () => undefined };
  registerServiceMetrics(registry, { clock, maxSeries: 1, backends: () => new Map() });
  return found;
}

function recordingRegistry(found: Map<string, readonly string[]>): Registry {
  const nothing = (): void => undefined;
  const registry: Registry = {
    counter: ({ name, labels = [] }) => {
      found.set(name, labels);
      return { inc: nothing };
    },
    gauge: ({ name, labels = [] }) => {
      found.set(name, labels);
      return { set: nothing, clear: nothing };
    },
    histogram: ({ name, labels }) => {
      found
        .set(`${name}_bucket`, [...labels, 'le'])
        .set(`${name}_sum`, labels)
        .set(`${name}_count`, labels);
      return { observe: nothing };
    },
    onCollect: nothing,
    text: () => Promise.resolve(''),
    section: () => registry,
    helpTexts: () => [],
    reset: nothing,
  };
  return registry;
}
