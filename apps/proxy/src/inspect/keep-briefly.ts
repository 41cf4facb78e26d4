/** A result that is costly to compute is kept for the next caller, until it may be out of date or a short time has passed. */
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
    // Before: what changes during the computation may be missing in its result.
    const of = version();
    const value = await compute();
    kept = { value, of };
    cancel();
    cancel = clock.schedule(KEPT_MS, () => (kept = null));
    return value;
  };
}
