/** Polls at an interval, and earlier after a hint. Never two polls at once. */
import type { Clock } from '@signalbox/core';

export interface DebouncedPollerOptions {
  readonly clock: Clock;
  /** Time without another hint before the poll. */
  readonly debounceMs: number;
  /** Between two polls without a hint. */
  readonly pollMs: number;
  /** Resolves to `soon` to be called again after `debounceMs`. Must not reject. */
  readonly poll: () => Promise<'soon' | 'later'>;
}

export interface DebouncedPoller {
  readonly hint: () => void;
  /** Resolves when the running poll has ended. */
  readonly stop: () => Promise<void>;
}

/** The first poll starts at once. */
export function createDebouncedPoller({
  clock,
  debounceMs,
  pollMs,
  poll,
}: DebouncedPollerOptions): DebouncedPoller {
  let cancel = (): void => undefined;
  let stopped = false;
  let polling: Promise<void> | null = null;
  let hintedAt: number | null = null;

  const schedule = (delayMs: number): void => {
    cancel();
    if (!stopped) cancel = clock.schedule(delayMs, begin);
  };
  const once = async (): Promise<void> => {
    hintedAt = null;
    const again = await poll();
    polling = null;
    schedule(again === 'soon' || hintedAt !== null ? debounceMs : pollMs);
  };
  const begin = (): void => {
    polling = once();
  };
  begin();

  return {
    hint() {
      hintedAt ??= clock.now();
      // Each hint prolongs the wait, up to a limit: a program may write to the folder without a pause.
      const latest = hintedAt + 10 * debounceMs - clock.now();
      if (polling === null) schedule(Math.max(0, Math.min(debounceMs, latest)));
    },
    async stop() {
      stopped = true;
      cancel();
      await polling;
    },
  };
}
