import type { ObjectKey } from '../model/service-port-name.ts';

/** F136: when the changes now waiting were triggered, by service, in epoch milliseconds. */
export interface TriggerTimes {
  add(service: ObjectKey, time: number): void;
  /** The trigger time of a deletion is not known, and makes that of the rest inexact. */
  drop(service: ObjectKey): void;
  take(): number[];
}

/** For a family that is never built, times must not accumulate. */
const KEPT_PER_SERVICE = 100;

export function createTriggerTimes(): TriggerTimes {
  const times = new Map<ObjectKey, number[]>();
  return {
    add(service, time) {
      const kept = times.get(service) ?? [];
      times.set(service, [...kept, time].slice(-KEPT_PER_SERVICE));
    },
    drop: (service) => {
      times.delete(service);
    },
    take() {
      const all = [...times.values()].flat();
      times.clear();
      return all;
    },
  };
}
