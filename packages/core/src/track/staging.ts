import type { Changed, ChangeSet } from '../desired/desired-change.ts';
import { sameValue } from '../model/same-value.ts';

/** A map, and its changes for the next commit. Values equal to those in the map are never staged. */
export interface Staging<T extends { readonly key: string }> {
  readonly committed: ReadonlyMap<string, T>;
  readonly size: number;
  /** `null`: delete the entry. */
  stage(key: string, next: T | null): void;
  /** Makes the staged values current and returns what differs. */
  commit(): ChangeSet<T>;
}

/** Fields that did not change keep their identity: later comparisons cost less, and equal arrays are stored once. */
function keepUnchanged<T extends object>(before: T, next: T): T {
  const kept: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(next)) {
    const old = (before as Record<string, unknown>)[field];
    kept[field] = sameValue(old, value) ? old : value;
  }
  return kept as T;
}

export function createStaging<T extends { readonly key: string }>(): Staging<T> {
  const committed = new Map<string, T>();
  const staged = new Map<string, T | null>();
  return {
    committed,
    get size() {
      return staged.size;
    },
    stage(key, next) {
      const current = committed.get(key);
      if (next === null) {
        if (current === undefined) staged.delete(key);
        else staged.set(key, null);
      } else if (current !== undefined && sameValue(current, next)) staged.delete(key);
      else staged.set(key, current === undefined ? next : keepUnchanged(current, next));
    },
    commit() {
      const added: T[] = [];
      const changed: Changed<T>[] = [];
      const removed: T[] = [];
      for (const [key, after] of staged) {
        const before = committed.get(key);
        if (after === null) {
          committed.delete(key);
          if (before !== undefined) removed.push(before);
        } else {
          committed.set(key, after);
          if (before === undefined) added.push(after);
          else changed.push({ before, after });
        }
      }
      staged.clear();
      return { added, changed, removed };
    },
  };
}
