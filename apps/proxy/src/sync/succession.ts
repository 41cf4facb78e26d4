/** When the rules of an earlier mode may go: not before those of this one were found in the kernel, for every family. */
import type { Clock, Family } from '@signalbox/core';
import type { Logger } from '../logging/logger.ts';

/** Milliseconds until a failed removal is tried again: doubled with each failure. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 300_000;

export interface SuccessionOptions {
  readonly families: readonly Family[];
  readonly clock: Clock;
  /** Resolves to what failed, one line each. */
  readonly removeLeftovers: () => Promise<readonly string[]>;
  readonly logger: Logger;
}

export interface Succession {
  /** The first sync of this family was found in the kernel. */
  verified(family: Family): void;
  /** Tries no more; resolves when no removal runs. */
  stop(): Promise<void>;
}

export function createSuccession(options: SuccessionOptions): Succession {
  const { families, clock, logger } = options;
  const waiting = new Set(families);
  const state = { running: Promise.resolve(), stopped: false, cancel: (): void => undefined, reported: '' };

  const remove = async (retry: number): Promise<void> => {
    const failures = await removeAll(options);
    if (failures.length === 0) {
      if (state.reported !== '') logger.info('The rules of earlier modes are removed');
      return;
    }
    const why = failures.join('; ');
    const message = `Rules of earlier modes not removed: retried in ${retry / 1000}s`;
    // One warning for each reason: on a node without the tools of another mode it stays.
    if (why === state.reported) logger.debug(2, message, { err: why });
    else logger.warning(message, { err: why });
    state.reported = why;
    if (!state.stopped) state.cancel = clock.schedule(retry, () => begin(Math.min(LAST_RETRY, retry * 2)));
  };
  const begin = (retry: number): void => {
    state.running = remove(retry);
  };

  return {
    verified: (family) => {
      if (waiting.delete(family) && waiting.size === 0) begin(FIRST_RETRY);
    },
    stop: () => {
      state.stopped = true;
      state.cancel();
      return state.running;
    },
  };
}

async function removeAll({ removeLeftovers }: SuccessionOptions): Promise<readonly string[]> {
  try {
    return await removeLeftovers();
  } catch (error) {
    return [String(error)];
  }
}
