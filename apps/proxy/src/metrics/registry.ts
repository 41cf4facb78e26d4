/** Counters, gauges and histograms in the Prometheus text format 0.0.4. No time, no I/O. */
export type LabelValues = Readonly<Record<string, string>>;

export interface MetricInfo {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface Counter {
  inc(labels?: LabelValues, by?: number): void;
}

export interface Gauge {
  set(value: number, labels?: LabelValues): void;
}

export interface Histogram {
  observe(value: number, labels?: LabelValues): void;
}

export interface Registry {
  counter(info: MetricInfo): Counter;
  /** `as: 'counter'`: somebody else counts, and the value is only read. */
  gauge(info: MetricInfo & { readonly as?: 'counter' }): Gauge;
  histogram(info: MetricInfo & { readonly buckets: readonly number[] }): Histogram;
  /** Called before each `text`: for values that are read when somebody looks. */
  onCollect(refresh: () => void): void;
  /** Called before each `scrape`, which waits: for values that take asking. May not reject. */
  onScrape(refresh: () => Promise<void>): void;
  scrape(): Promise<string>;
  /** Names in order, each with help, type and samples. Metrics with labels show nothing until they are used. */
  text(): string;
  /** Of every metric, used or not. */
  helpTexts(): readonly string[];
  /** Forgets every sample. */
  reset(): void;
}

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

interface Metric {
  readonly info: MetricInfo;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly lines: () => readonly string[];
  readonly reset: () => void;
}

export function createRegistry(): Registry {
  const metrics = new Map<string, Metric>();
  const collectors: (() => void)[] = [];
  const scrapers: (() => Promise<void>)[] = [];
  const add = (metric: Metric): void => {
    if (metrics.has(metric.info.name)) throw new Error(`metric ${metric.info.name} is registered twice`);
    metrics.set(metric.info.name, metric);
  };
  const text = (): string => {
    for (const refresh of collectors) refresh();
    const sorted = [...metrics.values()].sort((a, b) => (a.info.name < b.info.name ? -1 : 1));
    return sorted.map(render).join('');
  };
  return {
    counter: (info) => {
      const series = createSeries(info);
      add({ info, type: 'counter', ...series });
      return { inc: (labels = {}, by = 1) => series.update(labels, (value) => value + by) };
    },
    gauge: (info) => {
      const series = createSeries(info);
      add({ info, type: info.as ?? 'gauge', ...series });
      return { set: (value, labels = {}) => series.update(labels, () => value) };
    },
    histogram: (info) => {
      const { observe, ...metric } = createHistogram(info, info.buckets);
      add({ info, type: 'histogram', ...metric });
      return { observe };
    },
    onCollect: (refresh) => collectors.push(refresh),
    onScrape: (refresh) => scrapers.push(refresh),
    scrape: async () => {
      await Promise.all(scrapers.map((refresh) => refresh()));
      return text();
    },
    text,
    helpTexts: () => [...metrics.values()].map(({ info }) => info.help),
    reset: () => metrics.forEach((metric) => metric.reset()),
  };
}

function render({ info, type, lines }: Metric): string {
  const samples = lines();
  if (samples.length === 0) return '';
  const help = info.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${info.name} ${help}\n# TYPE ${info.name} ${type}\n${samples.join('\n')}\n`;
}

function createSeries(info: MetricInfo) {
  const values = new Map<string, number>();
  const reset = (): void => {
    values.clear();
    // A metric without labels exists from the start, with zero.
    if (info.labels === undefined) values.set('', 0);
  };
  reset();
  return {
    reset,
    update: (labels: LabelValues, step: (value: number) => number): void => {
      const key = labelText(info, labels);
      values.set(key, step(values.get(key) ?? 0));
    },
    lines: () =>
      sortedKeys(values).map((key) => `${info.name}${braces(key)} ${numberText(values.get(key) ?? 0)}`),
  };
}

interface HistogramState {
  readonly counts: number[];
  sum: number;
  count: number;
}

function createHistogram(info: MetricInfo, buckets: readonly number[]) {
  const states = new Map<string, HistogramState>();
  const fresh = (): HistogramState => ({ counts: buckets.map(() => 0), sum: 0, count: 0 });
  const reset = (): void => {
    states.clear();
    if (info.labels === undefined) states.set('', fresh());
  };
  reset();
  const observe = (value: number, labels: LabelValues = {}): void => {
    const key = labelText(info, labels);
    const state = states.get(key) ?? fresh();
    states.set(key, state);
    const bucket = buckets.findIndex((bound) => value <= bound);
    if (bucket >= 0) state.counts[bucket] = (state.counts[bucket] ?? 0) + 1;
    state.sum += value;
    state.count += 1;
  };
  const lines = (): readonly string[] =>
    sortedKeys(states).flatMap((key) =>
      histogramLines({ name: info.name, key, buckets }, states.get(key) ?? fresh()),
    );
  return { observe, reset, lines };
}

interface HistogramSeries {
  readonly name: string;
  readonly key: string;
  readonly buckets: readonly number[];
}

function histogramLines(
  { name, key, buckets }: HistogramSeries,
  { counts, sum, count }: HistogramState,
): string[] {
  const prefix = key === '' ? '' : `${key},`;
  let total = 0;
  const lines = buckets.map((bound, index) => {
    total += counts[index] ?? 0;
    return `${name}_bucket{${prefix}le="${numberText(bound)}"} ${total}`;
  });
  lines.push(`${name}_bucket{${prefix}le="+Inf"} ${count}`);
  lines.push(`${name}_sum${braces(key)} ${numberText(sum)}`, `${name}_count${braces(key)} ${count}`);
  return lines;
}

function braces(key: string): string {
  return key === '' ? '' : `{${key}}`;
}

function sortedKeys(map: ReadonlyMap<string, unknown>): string[] {
  return [...map.keys()].sort();
}

/** `a="1",b="2"`, in the declared order. A label that was not declared, or not given, is a mistake of ours. */
function labelText({ name, labels = [] }: MetricInfo, values: LabelValues): string {
  const given = Object.keys(values);
  if (given.length !== labels.length || labels.some((label) => values[label] === undefined)) {
    throw new Error(`metric ${name} has the labels ${labels.join()}, not ${given.join()}`);
  }
  return labels.map((label) => `${label}="${escapeLabel(values[label] ?? '')}"`).join(',');
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
