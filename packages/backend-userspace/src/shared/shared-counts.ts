/** Counts of connections in shared memory: a row for each thread, which outlives it. */
import { noCounts, type Counts } from '../driver/data-path.ts';
import type { ConnectionCounts } from '../driver/userspace-driver.ts';

type Name = readonly [string, ...string[]];

const NAMES: readonly Name[] = namesOf(noCounts());
/** They count what is there now. */
const GAUGES: ReadonlySet<string> = new Set(['open', 'upstream_cx_active']);

function namesOf(counts: object, within: readonly string[] = []): readonly Name[] {
  return Object.entries(counts).flatMap(([name, value]) =>
    typeof value === 'object'
      ? namesOf(value as object, [...within, name])
      : [[...within, name] as unknown as Name],
  );
}

export function createCountRows(threads: number): Float64Array<SharedArrayBuffer> {
  return new Float64Array(new SharedArrayBuffer(threads * NAMES.length * Float64Array.BYTES_PER_ELEMENT));
}

/** The row of one thread as the object that the data path counts in. What a predecessor had open is closed. */
export function countsOfThread(rows: Float64Array, thread: number): Counts {
  const counts = noCounts();
  for (const [at, name] of NAMES.entries()) {
    const cell = thread * NAMES.length + at;
    const [last, owner] = placeOf(counts, name);
    if (GAUGES.has(last)) rows[cell] = 0;
    Object.defineProperty(owner, last, {
      get: () => rows[cell] ?? 0,
      set: (value: number) => void (rows[cell] = value),
      enumerable: true,
    });
  }
  return counts;
}

/** Of all threads. */
export function totalCounts(rows: Float64Array): ConnectionCounts {
  const counts = noCounts();
  for (const [cell, value] of rows.entries()) {
    const [last, owner] = placeOf(counts, NAMES[cell % NAMES.length] as Name);
    owner[last] = (owner[last] ?? 0) + value;
  }
  return counts;
}

function placeOf(counts: Counts, name: Name): readonly [string, Record<string, number>] {
  const within = name.slice(0, -1);
  const owner = within.reduce<object>((each, key) => (each as Record<string, object>)[key] ?? {}, counts);
  return [name.at(-1) ?? '', owner as Record<string, number>];
}
