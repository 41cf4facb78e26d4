/** When the rules of an earlier mode may go: not before those of this one were found in the kernel, for every family. */
import type { Clock, Family } from '@signalbox/core';
import type { Leftovers } from '../compose/composition.ts';
import type { Logger } from '../logging/logger.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';

/** Milliseconds until a failed removal is tried again: doubled with each failure. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 300_000;

/** Milliseconds between two removals of what connections still use, and how long they may: as long as in ipvs mode. */
const IN_USE_RETRY = 10_000;
const IN_USE_LIMIT = 15 * 60_000;

export interface SuccessionOptions {
  readonly families: readonly Family[];
  readonly clock: Clock;
  /** Once, before the first removal. Never rejects. */
  readonly prepare: () => Promise<void>;
  /** `keepConnections`: see `Successor`. */
  readonly removeLeftovers: (keepConnections: boolean) => Promise<Leftovers>;
  readonly logger: Logger;
  readonly metrics: Pick<ProxyMetrics, 'modeCleanups' | 'modeCleanupPending'>;
}

export interface Succession {
  /** The first sync of this family was found in the kernel. */
  verified(family: Family): void;
  /** Tries no more; resolves when no removal runs. */
  stop(): Promise<void>;
}

interface State {
  running: Promise<void>;
  stopped: boolean;
  prepared: boolean;
  cancel: () => void;
  /** The failure of the last removal, or what it left. */
  reported: string;
  /** Milliseconds until the next failure is tried again. */
  retry: number;
  /** When connections were first left alone; `null`: none are. */
  inUseSince: number | null;
}

export function createSuccession(options: SuccessionOptions): Succession {
  const waiting = new Set(options.families);
  const state: State = {
    running: Promise.resolve(),
    stopped: false,
    prepared: false,
    cancel: () => undefined,
    reported: '',
    retry: FIRST_RETRY,
    inUseSince: null,
  };
  const run = async (): Promise<void> => {
    if (!state.prepared) await options.prepare();
    state.prepared = true;
    const wait = await remove(options, state);
    if (wait !== null && !state.stopped) state.cancel = options.clock.schedule(wait, begin);
  };
  const begin = (): void => {
    state.running = run();
  };
  options.metrics.modeCleanupPending.set(1);
  return {
    verified: (family) => {
      if (waiting.delete(family) && waiting.size === 0 && !state.stopped) begin();
    },
    stop: () => {
      state.stopped = true;
      state.cancel();
      return state.running;
    },
  };
}

/** Milliseconds until the next removal; `null`: nothing is left. */
async function remove(options: SuccessionOptions, state: State): Promise<number | null> {
  const { clock, metrics } = options;
  const isOver = state.inUseSince !== null && clock.now() - state.inUseSince >= IN_USE_LIMIT;
  const { failures, inUse } = await attempt(options, !isOver);
  metrics.modeCleanups.inc({ result: failures.length > 0 ? 'error' : 'success' });
  if (failures.length > 0) return reportFailure(options, state, failures.join('; '));
  state.retry = FIRST_RETRY;
  if (inUse > 0) {
    state.inUseSince ??= clock.now();
    report(options, state, 'Objects of earlier modes stay until their connections end');
    return IN_USE_RETRY;
  }
  metrics.modeCleanupPending.set(0);
  if (state.reported !== '') options.logger.info('The rules of earlier modes are removed');
  return null;
}

function report({ logger }: SuccessionOptions, state: State, message: string): void {
  if (state.reported !== message) logger.info(message, { limit: `${IN_USE_LIMIT / 60_000}m` });
  state.reported = message;
}

function reportFailure({ logger }: SuccessionOptions, state: State, why: string): number {
  const { retry } = state;
  const message = `Rules of earlier modes not removed: retried in ${retry / 1000}s`;
  // One warning for each reason: on a node without the tools of another mode it stays.
  if (why === state.reported) logger.debug(2, message, { err: why });
  else logger.warning(message, { err: why });
  state.reported = why;
  state.retry = Math.min(LAST_RETRY, retry * 2);
  return retry;
}

async function attempt({ removeLeftovers }: SuccessionOptions, keepConnections: boolean): Promise<Leftovers> {
  try {
    return await removeLeftovers(keepConnections);
  } catch (error) {
    return { failures: [String(error)], inUse: 0 };
  }
}
