/** Keeps an expensive result for further callers, until it may be out of date or a short time has passed. */
import type { Clock } from '@signalbox/core';

export interface KeepOptions {
  readonly clock: Clock;
  /** Changes when a kept result may be out of date. */
  readonly version: () => number;
}

export const KEPT_MS = 2000;

/** Nothing is computed, and after `KEPT_MS` nothing is kept, while no caller asks. */
export function keepBriefly<T>({ clock, version }: KeepOptions, compute: () => Promise<T>): () => Promise<T> {
  let kept: { readonly value: T; readonly of: number } | null = null;
  let cancel = (): void => undefined;
  return async () => {
    if (kept?.of === version()) return kept.value;
    // Read before the computation: the result may not contain changes that occur during it.
    const of = version();
    const value = await compute();
    kept = { value, of };
    cancel();
    cancel = clock.schedule(KEPT_MS, () => (kept = null));
    return value;
  };
}
