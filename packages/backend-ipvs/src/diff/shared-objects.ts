interface Owned<T> {
  readonly owner: string;
  readonly value: T;
}

/** The step of one object; `undefined` where it is not wanted. */
export interface Step<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/**
 * Objects that several owners may want at once: an address of a service with two ports, a virtual server that two
 * services claim. One object each is in force, that of the owner whose name sorts first, whatever the order in
 * which they came; it is gone when the last owner goes.
 */
export class SharedObjects<T> {
  readonly #owners = new Map<string, readonly Owned<T>[]>();
  readonly #touched = new Map<string, T | undefined>();
  readonly #same: (one: T, other: T) => boolean;

  constructor(same: (one: T, other: T) => boolean) {
    this.#same = same;
  }

  get size(): number {
    return this.#owners.size;
  }

  get(key: string): T | undefined {
    return this.#owners.get(key)?.[0]?.value;
  }

  has(key: string): boolean {
    return this.#owners.has(key);
  }

  /** Whose object is in force; the key itself if nobody's. */
  ownerOf(key: string): string {
    return this.#owners.get(key)?.[0]?.owner ?? key;
  }

  keys(): IterableIterator<string> {
    return this.#owners.keys();
  }

  put(owner: string, key: string, value: T): void {
    this.#touch(key);
    const others = this.#others(owner, key);
    const owned = [...others, { owner, value }];
    if (owned.length > 1) owned.sort((one, other) => (one.owner < other.owner ? -1 : 1));
    this.#owners.set(key, owned);
  }

  remove(owner: string, key: string): void {
    this.#touch(key);
    const others = this.#others(owner, key);
    if (others.length === 0) this.#owners.delete(key);
    else this.#owners.set(key, others);
  }

  /** What differs since the last call; forgets it. */
  takeSteps(): Map<string, Step<T>> {
    const steps = new Map<string, Step<T>>();
    for (const [key, before] of this.#touched) {
      const after = this.get(key);
      if (!this.#unchanged(before, after)) steps.set(key, { before, after });
    }
    this.#touched.clear();
    return steps;
  }

  #others(owner: string, key: string): readonly Owned<T>[] {
    return (this.#owners.get(key) ?? []).filter((owned) => owned.owner !== owner);
  }

  #touch(key: string): void {
    if (!this.#touched.has(key)) this.#touched.set(key, this.get(key));
  }

  #unchanged(before: T | undefined, after: T | undefined): boolean {
    if (before === undefined || after === undefined) return before === after;
    return this.#same(before, after);
  }
}
