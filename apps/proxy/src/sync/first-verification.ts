/**
 * `/readyz` waits for this: the kernel itself shows what the first sync reports to have written. It runs beside syncs, so that
 * no change waits for it; what it finds counts only if no sync wrote in the meantime.
 */
import { formatDriftList } from '@signalbox/backend-kit';
import { formatBackendError, type Backend, type Observation, type SyncResult } from '@signalbox/core';
import type { HealthState } from '../health/health-state.ts';
import type { Logger } from '../logging/logger.ts';

export interface FirstVerificationOptions {
  readonly backend: Backend;
  readonly health: HealthState;
  readonly logger: Logger;
  /** Called once. */
  readonly onVerified?: () => void;
  /** Called once there were as many misses as are followed by another sync at once. */
  readonly onMissed?: (why: string) => void;
  /** Asks for another sync, and with it another look. */
  readonly again: () => void;
}

export interface FirstVerification {
  syncStarts(): void;
  /** Resolves when the next sync may start. */
  syncEnded(result: SyncResult): Promise<void>;
  stop(): void;
}

/** So many times a miss is followed by another sync at once; later ones wait for the next sync there is. */
const EAGER_LOOKS = 5;

/** So many times syncs may interrupt it; then the next one waits for it. */
const INTERRUPTIONS = 3;

interface State {
  /** Verified, or no longer of interest. */
  isOver: boolean;
  isSyncing: boolean;
  /** Syncs that may have written. */
  writes: number;
  /** Looks at the kernel that found something else. */
  misses: number;
  interruptions: number;
  looking: Promise<void> | null;
}

export function createFirstVerification(options: FirstVerificationOptions): FirstVerification {
  const state: State = {
    isOver: false,
    isSyncing: false,
    writes: 0,
    misses: 0,
    interruptions: 0,
    looking: null,
  };
  return {
    syncStarts() {
      state.isSyncing = true;
    },
    async syncEnded({ outcome, scope }) {
      state.isSyncing = false;
      if (outcome !== 'ok' || scope !== 'none') state.writes++;
      if (state.isOver || outcome === 'failed') return;
      const looking = (state.looking ??= look(options, state));
      const isBeside = options.backend.observesBesideSync === true && state.interruptions < INTERRUPTIONS;
      if (!isBeside) await looking;
    },
    stop() {
      state.isOver = true;
    },
  };
}

/** Never rejects: nothing waits for it as a rule. */
async function look(options: FirstVerificationOptions, state: State): Promise<void> {
  let seen: Observation | Error | null = null;
  while (seen === null && !state.isSyncing && !state.isOver) {
    const { writes } = state;
    const found = await observed(options.backend);
    if (!state.isSyncing && state.writes === writes) seen = found;
    else state.interruptions++;
  }
  state.looking = null;
  if (seen !== null && !state.isOver) conclude(options, state, seen);
}

async function observed(backend: Backend): Promise<Observation | Error> {
  try {
    return await backend.observe();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function conclude(
  { backend, health, logger, onVerified, onMissed, again }: FirstVerificationOptions,
  state: State,
  seen: Observation | Error,
): void {
  const { family, mode } = backend;
  if (!(seen instanceof Error) && seen.outcome === 'ok' && seen.drift.length === 0) {
    state.isOver = true;
    health.verified(family);
    onVerified?.();
    logger.info('First sync verified in the kernel', { family, mode });
    return;
  }
  const why = reasonOf(seen);
  logger.warning('First sync not verified in the kernel yet; not ready', { family, why });
  state.misses++;
  if (state.misses < EAGER_LOOKS) again();
  if (state.misses === EAGER_LOOKS) onMissed?.(why);
}

function reasonOf(seen: Observation | Error): string {
  if (seen instanceof Error) return seen.stack ?? seen.message;
  return seen.outcome === 'ok' ? formatDriftList(seen.drift).join(', ') : formatBackendError(seen.error);
}
