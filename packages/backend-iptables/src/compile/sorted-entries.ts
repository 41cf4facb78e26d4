import type { TypedRule } from '@signalbox/iptables';

/** One entry of a service: rules for one destination address, protocol and port. */
export interface DispatchEntry {
  readonly key: string;
  readonly rules: readonly TypedRule[];
}

interface OwnedEntry extends DispatchEntry {
  readonly owner: string;
}

/** Entries by key, then by owner: where two owners have the same key, the order is the same on every run. */
export interface SortedEntries {
  readonly size: number;
  at(index: number): DispatchEntry;
  /** The first index in [from, to) whose key is above all keys that start with `prefix`; `to` if none. */
  firstAbove(prefix: string, from: number, to: number): number;
  set(owner: string, entries: readonly DispatchEntry[]): void;
  /** Applies the calls of `set`; returns the affected keys, sorted. */
  apply(): readonly string[];
}

/** For more changes than this, one sort costs less than single insertions. */
const BULK = 256;

export function createSortedEntries(): SortedEntries {
  let sorted: OwnedEntry[] = [];
  const byOwner = new Map<string, readonly OwnedEntry[]>();
  const pending = new Map<string, readonly OwnedEntry[]>();

  return {
    get size() {
      return sorted.length;
    },
    at(index) {
      const entry = sorted[index];
      if (entry === undefined) throw new RangeError(`no entry ${index} of ${sorted.length}`);
      return entry;
    },
    firstAbove: (prefix, from, to) =>
      search(from, to, (index) => {
        const key = sorted[index]?.key ?? '';
        return key < prefix || key.startsWith(prefix);
      }),
    set(owner, entries) {
      if (entries.length === 0 && !byOwner.has(owner)) pending.delete(owner);
      else
        pending.set(
          owner,
          entries.map((entry) => ({ ...entry, owner })),
        );
    },
    apply() {
      const gone = [...pending.keys()].flatMap((owner) => byOwner.get(owner) ?? []);
      const come = [...pending.values()].flat();
      for (const [owner, entries] of pending) {
        if (entries.length === 0) byOwner.delete(owner);
        else byOwner.set(owner, entries);
      }
      pending.clear();
      sorted = gone.length + come.length > BULK ? merged(sorted, gone, come) : spliced(sorted, gone, come);
      return [...new Set([...gone, ...come].map((entry) => entry.key))].sort();
    },
  };
}

function merged(
  sorted: readonly OwnedEntry[],
  gone: readonly OwnedEntry[],
  come: readonly OwnedEntry[],
): OwnedEntry[] {
  const out = new Set(gone);
  return [...sorted.filter((entry) => !out.has(entry)), ...come].sort(compare);
}

function spliced(
  sorted: OwnedEntry[],
  gone: readonly OwnedEntry[],
  come: readonly OwnedEntry[],
): OwnedEntry[] {
  for (const entry of gone) {
    const start = search(0, sorted.length, (index) => compare(sorted[index] ?? entry, entry) < 0);
    const at = sorted.indexOf(entry, start);
    sorted.splice(at, 1);
  }
  for (const entry of come) {
    const at = search(0, sorted.length, (index) => compare(sorted[index] ?? entry, entry) <= 0);
    sorted.splice(at, 0, entry);
  }
  return sorted;
}

/** Plain code-unit order: independent of the locale. */
function compare(a: OwnedEntry, b: OwnedEntry): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.owner !== b.owner) return a.owner < b.owner ? -1 : 1;
  return 0;
}

/** The first index in [from, to) for which `below` is false. */
function search(from: number, to: number, below: (index: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (below(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
