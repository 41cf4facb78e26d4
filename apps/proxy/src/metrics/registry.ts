/**
 * prom-client, with the output that the Go client gives: metrics with labels show nothing until they are used, names
 * are in order, and a label that is missing is as wrong as one too many.
 */
import * as prom from 'prom-client';

type LabelValues = Readonly<Record<string, string>>;

interface MetricInfo {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface Counter {
  inc(labels?: LabelValues, by?: number): void;
}

export interface Gauge {
  set(value: number, labels?: LabelValues): void;
  /** Removes its samples. */
  clear(): void;
}

export interface Histogram {
  observe(value: number, labels: LabelValues): void;
}

export interface Registry {
  counter(info: MetricInfo): Counter;
  /** `as: 'counter'`: it is counted elsewhere, and the value is only read. */
  gauge(info: MetricInfo & { readonly as?: 'counter' }): Gauge;
  histogram(info: Required<MetricInfo> & { readonly buckets: readonly number[] }): Histogram;
  /** Called, and waited for, before each `text`: for values that are read at a scrape. May not reject. */
  onCollect(refresh: () => Promise<void> | void): void;
  /** Text format 0.0.4: names in order, each with help, type and samples. */
  text(): Promise<string>;
  /** Its metrics are a part of the text as long as `isShown`. */
  section(isShown: () => boolean): Registry;
  /** Of every metric, used or not. */
  helpTexts(): readonly string[];
  /** Forgets every sample. */
  reset(): void;
}

/** As the Go client sends it; prom-client has the same without the last part. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

export function createRegistry(): Registry {
  const collectors: (() => Promise<void> | void)[] = [];
  const sections: Section[] = [];
  return registryOf({ registry: new prom.Registry(), isShown: () => true }, { collectors, sections });
}

interface Section {
  readonly registry: prom.Registry;
  readonly isShown: () => boolean;
}

interface Whole {
  readonly collectors: (() => Promise<void> | void)[];
  readonly sections: Section[];
}

function registryOf(own: Section, whole: Whole): Registry {
  const { registry } = own;
  const { collectors, sections } = whole;
  sections.push(own);
  const config = ({ name, help, labels = [] }: MetricInfo) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter: (info) => {
      const counter = new prom.Counter(config(info));
      const checked = labelSets(info);
      return { inc: (labels = {}, by = 1) => counter.inc(checked(labels), by) };
    },
    gauge: (info) => {
      if (info.as === 'counter') return readCounter(info, new prom.Counter(config(info)));
      return writeGauge(info, new prom.Gauge(config(info)));
    },
    histogram: (info) => {
      const histogram = new prom.Histogram({ ...config(info), buckets: [...info.buckets] });
      const checked = labelSets(info);
      return { observe: (value, labels) => histogram.observe(checked(labels), value) };
    },
    onCollect: (refresh) => collectors.push(refresh),
    text: async () => {
      await Promise.all(collectors.map(async (refresh) => refresh()));
      return render(sections.filter(({ isShown }) => isShown()));
    },
    section: (isShown) => registryOf({ registry: new prom.Registry(), isShown }, whole),
    helpTexts: () =>
      sections.flatMap((section) => section.registry.getMetricsAsArray().map(({ help }) => help)),
    reset: () => sections.forEach((section) => section.registry.resetMetrics()),
  };
}

function writeGauge(info: MetricInfo, gauge: prom.Gauge): Gauge {
  const checked = labelSets(info);
  return {
    set: (value, labels = {}) => gauge.set(checked(labels), value),
    clear: () => gauge.reset(),
  };
}

/** A counter that takes the value of another one. */
function readCounter(info: MetricInfo, counter: prom.Counter): Gauge {
  const checked = labelSets(info);
  return {
    set: (value, given = {}) => {
      const labels = checked(given);
      counter.remove(labels);
      counter.inc(labels, value);
    },
    clear: () => counter.reset(),
  };
}

async function render(sections: readonly Section[]): Promise<string> {
  const parts = await Promise.all(
    sections.map(async ({ registry }) => {
      const used = (await registry.getMetricsAsJSON()).filter(({ values }) => values.length > 0);
      return used.map(({ name }) => ({ name, registry }));
    }),
  );
  const shown = parts.flat().toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const texts = await Promise.all(shown.map(({ name, registry }) => registry.getSingleMetricAsString(name)));
  return texts.map((text) => `${text}\n`).join('');
}

/** Label sets of a metric that are kept in the form that prom-client takes: most metrics have fewer in all. */
const KEPT_LABEL_SETS = 50;

/**
 * A copy, by label name as the Go client has it: prom-client keeps the object, and its order. The copy is made once, since a sync
 * uses a dozen metrics, with the same labels each time.
 */
function labelSets({ name, labels = [] }: MetricInfo): (values: LabelValues) => Record<string, string> {
  const kept = new Map<string, Record<string, string>>();
  return (values) => {
    const given = Object.keys(values);
    if (given.length !== labels.length || labels.some((label) => values[label] === undefined)) {
      throw new Error(`metric ${name} has the labels ${labels.join()}, not ${given.join()}`);
    }
    const key = labels.map((label) => values[label]).join('\0');
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (kept.size >= KEPT_LABEL_SETS) kept.clear();
    kept.set(key, made);
    return made;
  };
}
