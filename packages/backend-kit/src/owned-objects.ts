/**
 * Kernel objects that several owners (service ports, health checks) may want at once: an address of a Service with
 * two ports, one frontend that two Services claim. Pure.
 */

/** How one object changed since the last `takeSteps`; `undefined` where it has no owner. */
export interface Step<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** Whether two values describe the same kernel object, so that a change from one to the other needs no write. */
export type Same<T> = (one: T, other: T) => boolean;

/**
 * The objects of all owners by key. Where several owners want one key, the object of the owner whose name sorts first is
 * in force, whatever the order in which they came; the object is gone when its last owner goes.
 */
export interface OwnedObjects<T> {
  /** Number of keys with at least one owner. */
  readonly size: number;
  /** The object in force; `undefined` where the key has no owner. */
  get(key: string): T | undefined;
  /** Whether the key has an owner. */
  has(key: string): boolean;
  /** The owner whose object is in force; the key itself where it has no owner. */
  ownerOf(key: string): string;
  /** Keys with at least one owner. */
  keys(): IterableIterator<string>;
  /** Each key and its object in force. */
  entries(): Generator<readonly [string, T]>;
  /** Replaces all objects of `owner` by `objects`; an empty list withdraws the owner. */
  contribute(owner: string, objects: Iterable<readonly [string, T]>): void;
  /** Withdraws all owners. */
  clear(): void;
  /** Every key whose object differs from that of the last call. */
  takeSteps(): ReadonlyMap<string, Step<T>>;
  /** As `takeSteps`, where everything is compared anyway. */
  skipSteps(): void;
}

/** An empty set of objects. `same` compares two values of a key; default: identity. */
export function createOwnedObjects<T>(same: Same<T> = Object.is): OwnedObjects<T> {
  const owners = createOwnerTable<T>();
  // A list takes half of the memory of a set, and most owners have one or two keys.
  const contributions = new Map<string, readonly string[]>();
  const touched = new Map<string, T | undefined>();
  const touch = (key: string): void => {
    if (!touched.has(key)) touched.set(key, owners.reading.get(key));
  };
  const contribute = (owner: string, objects: Iterable<readonly [string, T]>): void => {
    const desired = new Map(objects);
    for (const key of contributions.get(owner) ?? []) {
      touch(key);
      if (!desired.has(key)) owners.withdraw(owner, key);
    }
    for (const [key, value] of desired) {
      touch(key);
      owners.put(owner, key, value);
    }
    if (desired.size > 0) contributions.set(owner, [...desired.keys()]);
    else contributions.delete(owner);
  };
  return {
    get size() {
      return owners.size;
    },
    ...owners.reading,
    contribute,
    clear() {
      for (const owner of contributions.keys()) contribute(owner, []);
    },
    takeSteps() {
      const steps = stepsOf(touched, owners.reading.get, same);
      touched.clear();
      return steps;
    },
    skipSteps: () => touched.clear(),
  };
}

function stepsOf<T>(
  touched: ReadonlyMap<string, T | undefined>,
  get: (key: string) => T | undefined,
  same: Same<T>,
): ReadonlyMap<string, Step<T>> {
  const steps = new Map<string, Step<T>>();
  for (const [key, before] of touched) {
    const step = { before, after: get(key) };
    if (!isSameStep(step, same)) steps.set(key, step);
  }
  return steps;
}

function isSameStep<T>({ before, after }: Step<T>, same: Same<T>): boolean {
  return before === undefined || after === undefined ? before === after : same(before, after);
}

interface Owned<T> {
  readonly owner: string;
  readonly value: T;
}

/** One owner by itself, as nearly every key has; several in the order in which they prevail. */
type Owners<T> = Owned<T> | readonly Owned<T>[];

function isOne<T>(owners: Owners<T>): owners is Owned<T> {
  return !Array.isArray(owners);
}

function listed<T>(owners: Owners<T> | undefined): readonly Owned<T>[] {
  if (owners === undefined) return [];
  return isOne(owners) ? [owners] : owners;
}

function prevailing<T>(owners: Owners<T> | undefined): Owned<T> | undefined {
  return owners === undefined || isOne(owners) ? owners : owners[0];
}

function* inForce<T>(table: ReadonlyMap<string, Owners<T>>): Generator<readonly [string, T]> {
  for (const [key, owners] of table) {
    const first = prevailing(owners);
    if (first !== undefined) yield [key, first.value];
  }
}

function createOwnerTable<T>() {
  const table = new Map<string, Owners<T>>();
  const set = (key: string, owners: readonly Owned<T>[]): void => {
    const [first] = owners;
    if (first === undefined) table.delete(key);
    else table.set(key, owners.length === 1 ? first : owners);
  };
  const othersThan = (owner: string, key: string): readonly Owned<T>[] =>
    listed(table.get(key)).filter((each) => each.owner !== owner);
  return {
    get size() {
      return table.size;
    },
    reading: {
      get: (key: string): T | undefined => prevailing(table.get(key))?.value,
      has: (key: string): boolean => table.has(key),
      ownerOf: (key: string): string => prevailing(table.get(key))?.owner ?? key,
      keys: (): IterableIterator<string> => table.keys(),
      entries: () => inForce(table),
    },
    put(owner: string, key: string, value: T): void {
      if (!table.has(key)) return void table.set(key, { owner, value });
      const owned = [...othersThan(owner, key), { owner, value }];
      set(
        key,
        owned.sort((one, other) => (one.owner < other.owner ? -1 : 1)),
      );
    },
    withdraw: (owner: string, key: string): void => set(key, othersThan(owner, key)),
  };
}
