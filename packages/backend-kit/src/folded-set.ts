/** A keyed set, folded from its changes, that remembers what it was at the last `settle`. Pure. */
import type { Changed, ChangeSet } from '@signalbox/core';

/** An object with an identity: two objects with equal keys are versions of one object. */
export interface Keyed {
  readonly key: string;
}

/** The present objects by key, and the difference from those at the last `settle`. */
export interface FoldedSet<T extends Keyed> {
  /** A live view. */
  readonly all: ReadonlyMap<string, T>;
  /** Adds, replaces and removes objects. */
  apply(change: ChangeSet<T>): void;
  /** Removes all objects. */
  clear(): void;
  /** From the last `settle` to now; an object that came and went, or that is the same again, is not in it. */
  owed(): ChangeSet<T>;
  /** Makes the present objects those that `owed` compares with. */
  settle(): void;
}

/** An empty set. */
export function createFoldedSet<T extends Keyed>(): FoldedSet<T> {
  const all = new Map<string, T>();
  /** Key → what the object was at the last `settle`, for keys that changed since. */
  const former = new Map<string, T | undefined>();
  const put = (key: string, value: T | undefined): void => {
    if (!former.has(key)) former.set(key, all.get(key));
    if (value === undefined) all.delete(key);
    else all.set(key, value);
  };
  return {
    all,
    apply({ added, changed, removed }) {
      for (const { key } of removed) put(key, undefined);
      for (const value of added) put(value.key, value);
      for (const { after } of changed) put(after.key, after);
    },
    clear() {
      for (const key of all.keys()) put(key, undefined);
    },
    owed: () => stepsOf(former, all),
    settle: () => former.clear(),
  };
}

function stepsOf<T extends Keyed>(
  former: ReadonlyMap<string, T | undefined>,
  all: ReadonlyMap<string, T>,
): ChangeSet<T> {
  const added: T[] = [];
  const changed: Changed<T>[] = [];
  const removed: T[] = [];
  for (const [key, before] of former) {
    const after = all.get(key);
    if (before === after) continue;
    if (before === undefined && after !== undefined) added.push(after);
    else if (before !== undefined && after === undefined) removed.push(before);
    else if (before !== undefined && after !== undefined) changed.push({ before, after });
  }
  return { added, changed, removed };
}
