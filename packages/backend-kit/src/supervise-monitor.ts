/**
 * Keeps a monitor of kernel events running: restarts it with a growing pause, and asks for one verification after each
 * gap, since changes made while no monitor was running were not reported.
 */
import type { Clock } from '@signalbox/core';

/** What becomes of a monitor that ended. `stopped`: another start would fail in the same way. */
export type AfterEnd = 'restarting' | 'stopped';

/** What a monitor reports to its supervisor. */
export interface MonitorEvents {
  /** It listens: changes from here on are reported. */
  readonly onReady: () => void;
  /** It ended by itself, for a reason in one line. Only the first call counts. */
  readonly onEnd: (reason: string, next: AfterEnd) => void;
}

/** A monitor, how it is started, and what is called when it ends or is restarted. */
export interface SupervisedMonitor {
  /** Starts to listen; the returned function stops it. May throw. */
  readonly start: (events: MonitorEvents) => () => void;
  readonly clock: Clock;
  /** The monitor listens again after a gap: verify once. Not called for the first start. */
  readonly onGap: () => void;
  /** The monitor ended. Ends with the same reason are reported once, until a monitor has run for a minute. */
  readonly onProblem: (reason: string, next: AfterEnd) => void;
}

/** Before the first restart; doubled for each further one. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

/** After this time a monitor counts as working: pauses begin anew, and its end is reported. */
const STEADY_MS = 60_000;

/** Starts the monitor and keeps it running. The returned function ends both. */
export function superviseMonitor({ clock, ...monitor }: SupervisedMonitor): () => void {
  const state = { wasReady: false, pause: FIRST_PAUSE_MS, reported: '' };
  let stop = (): void => {};
  /** Of the restart, or of the moment when the monitor counts as working. */
  let cancelTimer = (): void => {};
  const onReady = (): void => {
    cancelTimer = clock.schedule(STEADY_MS, () => {
      state.pause = FIRST_PAUSE_MS;
      state.reported = '';
    });
    if (state.wasReady) monitor.onGap();
    state.wasReady = true;
  };
  const onEnd = (reason: string, next: AfterEnd): void => {
    cancelTimer();
    if (next === 'restarting') {
      cancelTimer = clock.schedule(state.pause, start);
      state.pause = Math.min(state.pause * 2, LONGEST_PAUSE_MS);
    }
    if (reason !== state.reported || next === 'stopped') monitor.onProblem(reason, next);
    state.reported = reason;
  };
  const start = (): void => {
    stop = startOnce(monitor, { onReady, onEnd });
  };
  start();
  return () => {
    cancelTimer();
    stop();
  };
}

/** The events of one start, until it ends or is stopped. */
function startOnce({ start }: Pick<SupervisedMonitor, 'start'>, events: MonitorEvents): () => void {
  let isOver = false;
  const onEnd: MonitorEvents['onEnd'] = (reason, next) => {
    if (isOver) return;
    isOver = true;
    events.onEnd(reason, next);
  };
  try {
    const stop = start({ onReady: () => isOver || events.onReady(), onEnd });
    return () => {
      if (isOver) return;
      // Ahead: a monitor may report its end while it is stopped.
      isOver = true;
      stop();
    };
  } catch (error) {
    onEnd(error instanceof Error ? error.message : String(error), 'restarting');
    return () => undefined;
  }
}
