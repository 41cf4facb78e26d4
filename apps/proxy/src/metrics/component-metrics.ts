/** What every Kubernetes component reports about itself, on /metrics and /metrics/slis. */
import type { FeatureGates } from '../config/feature-gates.ts';
import type { VersionInfo } from '../version/version.ts';
import type { Registry } from './registry.ts';

export interface ComponentInfo {
  readonly version: VersionInfo;
  readonly gates: FeatureGates;
}

export function registerComponentMetrics(registry: Registry, { version, gates }: ComponentInfo): void {
  const build = registry.gauge({
    name: 'kubernetes_build_info',
    help: '[ALPHA] Version of Kubernetes whose behaviour this is, and of what runs it',
    labels: ['git_version', 'major', 'minor', 'platform', 'signalbox_version', 'runtime_version'],
  });
  build.set(1, {
    git_version: version.gitVersion,
    major: version.major,
    minor: version.minor,
    platform: version.platform,
    signalbox_version: version.signalboxVersion,
    runtime_version: version.runtimeVersion,
  });
  const features = registry.gauge({
    name: 'kubernetes_feature_enabled',
    help: '[BETA] Feature gates and whether they are on',
    labels: ['name', 'stage'],
  });
  for (const { gate, enabled } of gates.all()) {
    features.set(Number(enabled), { name: gate.name, stage: gate.stage === 'GA' ? '' : gate.stage });
  }
  const registered = registry.gauge({
    name: 'registered_metrics_total',
    help: '[BETA] Metrics that this program has, by stability level',
    labels: ['deprecated_version', 'stability_level'],
    as: 'counter',
  });
  registry.onCollect(() => {
    for (const [level, count] of stabilityLevels(registry.helpTexts())) {
      registered.set(count, { deprecated_version: '', stability_level: level });
    }
  });
  registry.gauge({ name: 'disabled_metrics_total', help: '[BETA] Metrics switched off', as: 'counter' });
  registry.gauge({ name: 'hidden_metrics_total', help: '[BETA] Metrics hidden', as: 'counter' });
}

/** Metrics by the level in front of their help; those without are not Kubernetes' own, and not counted. */
function stabilityLevels(helpTexts: readonly string[]): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  for (const help of helpTexts) {
    const level = /^\[(\w+)\]/.exec(help)?.[1];
    if (level !== undefined) levels.set(level, (levels.get(level) ?? 0) + 1);
  }
  return levels;
}

/** Scrapes, under the names that every Go program's handler has for them. */
export interface ScrapeMetrics {
  began(): void;
  ended(code: number): void;
}

export function registerScrapeMetrics(registry: Registry): ScrapeMetrics {
  const running = { count: 0 };
  const inFlight = registry.gauge({
    name: 'promhttp_metric_handler_requests_in_flight',
    help: 'Current number of scrapes being served.',
  });
  const total = registry.counter({
    name: 'promhttp_metric_handler_requests_total',
    help: 'Total number of scrapes by HTTP status code.',
    labels: ['code'],
  });
  for (const code of ['200', '500', '503']) total.inc({ code }, 0);
  return {
    began: () => inFlight.set((running.count += 1)),
    ended: (code) => {
      inFlight.set((running.count -= 1));
      total.inc({ code: String(code) });
    },
  };
}

/** The registry behind `/metrics/slis`: how the checks of the metrics port's own `/healthz` went. */
export interface CheckMetrics {
  record(name: string, result: 'success' | 'error'): void;
}

export function registerCheckMetrics(registry: Registry): CheckMetrics {
  const last = registry.gauge({
    name: 'kubernetes_healthcheck',
    help: '[STABLE] Result of the last check: 1 is success',
    labels: ['name', 'type'],
  });
  const total = registry.counter({
    name: 'kubernetes_healthchecks_total',
    help: '[STABLE] Results of all checks',
    labels: ['name', 'type', 'status'],
  });
  return {
    record: (name, result) => {
      last.set(result === 'success' ? 1 : 0, { name, type: 'healthz' });
      total.inc({ name, type: 'healthz', status: result });
    },
  };
}
