/** What this thread keeps for each name. Above the limit the oldest is forgotten; the shared memory still has its numbers. */
export interface Names<T> {
  of(name: string, make: () => T): T;
  all(): readonly T[];
}

const LIMIT = 5000;

export function createNames<T>(): Names<T> {
  const known = new Map<string, T>();
  return {
    of(name, make) {
      const found = known.get(name);
      if (found !== undefined) return found;
      if (known.size >= LIMIT) known.delete(known.keys().next().value ?? '');
      const made = make();
      known.set(name, made);
      return made;
    },
    all: () => [...known.values()],
  };
}
