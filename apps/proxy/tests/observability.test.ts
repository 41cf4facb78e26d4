/** The objects of deploy/observability name metrics, labels and pods that exist. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readYaml } from '@signalbox/manifests';
import { describe, expect, it } from 'vitest';
import { declaredMetrics } from '../src/testing/declared-metrics.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(ROOT, 'deploy', file), 'utf8');
const yaml = (file: string): unknown => readYaml(file, read(file)).documents[0]?.value;

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
}
interface RuleObject {
  readonly spec: { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
}

const dashboard = JSON.parse(read('observability/grafana-dashboard.json')) as Dashboard;
const rules = (yaml('observability/prometheus-rule.yaml') as RuleObject).spec.groups.flatMap(
  (group) => group.rules,
);
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

/** Of every target that Prometheus scrapes, and of the PodMonitor. */
const TARGET_LABELS = ['job', 'node', 'instance'];
const METRICS = new Map([...declaredMetrics(), ['up', []]]);
const NAME = /\b(up|kubeproxy_\w+|process_\w+|nodejs_\w+|rest_client_\w+|kubernetes_\w+)\b/g;

function unknownIn(expression: string): readonly string[] {
  const text = expression.replaceAll(/"[^"]*"/g, '""');
  const names = [...text.matchAll(NAME)].map(([name]) => name);
  const labels = new Set([...TARGET_LABELS, ...names.flatMap((name) => METRICS.get(name) ?? [])]);
  const selectors = [...text.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = '']) => inner.split(','));
  const grouped = [...text.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, inner = '']) => inner.split(','));
  const used = [...selectors, ...grouped].map((part) => /\w+/.exec(part)?.[0] ?? '');
  return [
    ...(names.length === 0 ? ['no metric'] : []),
    ...names.filter((name) => !METRICS.has(name)),
    ...used.filter((label) => label !== '' && !labels.has(label)).map((label) => `label ${label}`),
  ];
}

describe('the Grafana dashboard', () => {
  it.each(panels.map((panel) => [panel.title, panel] as const))(
    '%s: metrics and labels exist',
    (_, { targets = [] }) => {
      expect(targets).not.toHaveLength(0);
      for (const { expr } of targets) expect(unknownIn(expr), expr).toEqual([]);
    },
  );

  it('has a panel for each of Signalbox’s own metrics of Services, repairs and refusals', () => {
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n');
    for (const name of [
      'service_connections',
      'endpoint_connections',
      'drift_repaired',
      'service_ports_refused',
    ])
      expect(expressions).toContain(`kubeproxy_${name}`);
  });

  it('has variables that come from metrics that exist, and panels that do not overlap', () => {
    for (const { definition } of dashboard.templating.list) {
      if (definition !== undefined) expect(unknownIn(definition.replace(/, \w+\)$/, ''))).toEqual([]);
    }
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

describe('the alerts', () => {
  it.each(rules.map(({ alert, expr }) => [alert, expr] as const))('%s: metrics and labels exist', (_, expr) =>
    expect(unknownIn(expr)).toEqual([]),
  );

  it('are all tested', () => {
    const tests = read('observability/prometheus-rule.test.yaml');
    for (const { alert } of rules) expect(tests).toContain(`alertname: ${alert}\n        exp_alerts:`);
  });
});

describe('the PodMonitor', () => {
  it('selects the pods of the DaemonSet, at the port of metrics', () => {
    const monitor = yaml('observability/pod-monitor.yaml') as {
      readonly spec: { readonly selector: { readonly matchLabels: object } };
    };
    const set = yaml('kubernetes/daemon-set.yaml') as {
      readonly spec: { readonly template: { readonly metadata: { readonly labels: object } } };
    };
    expect(set.spec.template.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
    expect(read('observability/pod-monitor.yaml')).toContain('$1:10249');
  });
});
