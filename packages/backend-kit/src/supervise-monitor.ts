/**
 * Keeps a monitor of kernel events running: restarts it with a growing pause, and asks for one verification after each
 * gap, since changes made while no monitor was running were not reported.
 */
import type { Clock } from '@signalbox/core';

/** What a monitor reports to its supervisor. */
export interface MonitorEvents {
  /** It listens: changes from here on are reported. */
  readonly onReady: () => void;
  /** It ended by itself, for a reason in one line. Called once at most. */
  readonly onEnd: (reason: string) => void;
}

/** A monitor, how it is started, and what is called when it ends or is restarted. */
export interface SupervisedMonitor {
  /** Starts to listen; the returned function stops it. May throw. */
  readonly start: (events: MonitorEvents) => () => void;
  readonly clock: Clock;
  /** The monitor listens again after a gap: verify once. Not called for the first start. */
  readonly onGap: () => void;
  /** The monitor ended; called once for each series of ends with the same reason. */
  readonly onProblem: (reason: string) => void;
  /** Milliseconds before the first restart, doubled for each further one; 200 by default. */
  readonly firstPause?: number;
  /** The longest pause in milliseconds; 30000 by default. */
  readonly longestPause?: number;
}

/** Starts the monitor and keeps it running. The returned function ends both. */
export function superviseMonitor(options: SupervisedMonitor): () => void {
  const { clock, firstPause = 200, longestPause = 30_000 } = options;
  const state = { closed: false, wasReady: false, pause: firstPause, reported: '' };
  let stop = (): void => {};
  const onReady = (): void => {
    if (state.closed) return;
    state.pause = firstPause;
    state.reported = '';
    if (state.wasReady) options.onGap();
    state.wasReady = true;
  };
  const onEnd = (reason: string): void => {
    if (state.closed) return;
    if (reason !== state.reported) options.onProblem(reason);
    state.reported = reason;
    stop = clock.schedule(state.pause, start);
    state.pause = Math.min(state.pause * 2, longestPause);
  };
  const start = (): void => {
    let over = false;
    const endOnce = (reason: string): void => {
      if (over) return;
      over = true;
      onEnd(reason);
    };
    try {
      const stopMonitor = options.start({ onReady: () => !over && onReady(), onEnd: endOnce });
      if (!over) stop = stopMonitor;
    } catch (error) {
      endOnce(error instanceof Error ? error.message : String(error));
    }
  };
  start();
  return () => {
    state.closed = true;
    stop();
  };
}
