/** How many load balancers refer to each endpoint, and which owned endpoints none refers to. */
import { idKey } from '../compile/names.ts';

export interface References {
  add(ids: readonly string[]): void;
  drop(ids: readonly string[]): void;
  /** An endpoint that may be removed when nothing refers to it. */
  own(id: string): void;
  disown(id: string): void;
  idle(): Iterable<string>;
}

export function createReferences(): References {
  const counts = new Map<string, number>();
  const owned = new Set<string>();
  const idle = new Set<string>();
  const settle = (id: string): void => {
    if (owned.has(id) && (counts.get(id) ?? 0) === 0) idle.add(id);
    else idle.delete(id);
  };
  const step = (ids: readonly string[], by: number): void => {
    for (const id of ids.map(idKey)) {
      const count = (counts.get(id) ?? 0) + by;
      if (count === 0) counts.delete(id);
      else counts.set(id, count);
      settle(id);
    }
  };
  return {
    add: (ids) => step(ids, 1),
    drop: (ids) => step(ids, -1),
    own(id) {
      owned.add(id);
      settle(id);
    },
    disown(id) {
      owned.delete(id);
      settle(id);
    },
    idle: () => idle,
  };
}
