/** When to look: soon after a hint, and now and then without one. Never two looks at once. */
import type { Clock } from '@signalbox/core';

export interface RhythmOptions {
  readonly clock: Clock;
  /** Silence after a hint before the look. */
  readonly debounceMs: number;
  /** Between two looks without a hint. */
  readonly pollMs: number;
  /** `soon`: look again after `debounceMs`. Must not reject. */
  readonly look: () => Promise<'soon' | 'later'>;
}

export interface Rhythm {
  readonly hint: () => void;
  /** Resolves when the look under way is over. */
  readonly stop: () => Promise<void>;
}

/** Starts with a look. */
export function startRhythm({ clock, debounceMs, pollMs, look }: RhythmOptions): Rhythm {
  let cancel = (): void => undefined;
  let stopped = false;
  let looking: Promise<void> | null = null;
  let hintedAt: number | null = null;

  const schedule = (delayMs: number): void => {
    cancel();
    if (!stopped) cancel = clock.schedule(delayMs, begin);
  };
  const once = async (): Promise<void> => {
    hintedAt = null;
    const again = await look();
    looking = null;
    schedule(again === 'soon' || hintedAt !== null ? debounceMs : pollMs);
  };
  const begin = (): void => {
    looking = once();
  };
  begin();

  return {
    hint() {
      hintedAt ??= clock.now();
      // Each hint prolongs the silence that is waited for, but not for ever: somebody may write all the time.
      const latest = hintedAt + 10 * debounceMs - clock.now();
      if (looking === null) schedule(Math.max(0, Math.min(debounceMs, latest)));
    },
    async stop() {
      stopped = true;
      cancel();
      await looking;
    },
  };
}
