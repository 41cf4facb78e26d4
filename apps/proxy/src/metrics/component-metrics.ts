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
    help: '[BETA] Metrics that this program has',
    as: 'counter',
  });
  registry.onCollect(() => registered.set(registry.size()));
  registry.gauge({ name: 'disabled_metrics_total', help: '[BETA] Metrics switched off', as: 'counter' });
  registry.gauge({ name: 'hidden_metrics_total', help: '[BETA] Metrics hidden', as: 'counter' });
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
