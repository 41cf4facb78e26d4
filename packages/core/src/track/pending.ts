import { sameValue } from '../model/same-value.ts';
import type { ObjectKey } from '../model/service-port-name.ts';

/** Objects that differ from what they were at the last build; one that changes back is no longer counted (F133). */
export interface PendingObjects {
  readonly size: number;
  note(key: ObjectKey, before: object | undefined, after: object | undefined): void;
  clear(): void;
}

export function createPendingObjects(): PendingObjects {
  const original = new Map<ObjectKey, object | undefined>();
  return {
    get size() {
      return original.size;
    },
    note(key, before, after) {
      if (!original.has(key)) original.set(key, before);
      else if (sameValue(original.get(key), after)) original.delete(key);
    },
    clear: () => {
      original.clear();
    },
  };
}
