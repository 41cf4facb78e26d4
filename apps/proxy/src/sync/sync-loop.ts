/**
 * Decides when a backend syncs: coalesced, rested, repeated after failure, and every so often without a reason.
 * The one place where a failed sync is handled. Time is injected; nothing here depends on what a backend does.
 */
import {
  backendError,
  NOTHING_DONE,
  type Backend,
  type Built,
  type Clock,
  type DesiredState,
  type SyncResult,
} from '@signalbox/core';
import type { Logger } from '../logging/logger.ts';
import { logSync } from './log-sync.ts';

export interface Periods {
  /** Milliseconds from the end of a sync to the next one when nothing changes. */
  readonly syncPeriod: number;
  /** Milliseconds from the end of a sync that wrote or failed to the earliest start of the next one. */
  readonly minSyncPeriod: number;
}

export interface SyncReport {
  /** Why it ran. */
  readonly reason: string;
  readonly result: SyncResult;
  readonly state: DesiredState;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Of changes that this sync wrote, failed ones before it included. */
  readonly triggerTimes: readonly number[];
  /** Something was asked for while the sync ran, and waits. */
  readonly morePending: boolean;
}

/** A sync that ended with an exception. */
interface BrokenSync {
  readonly reason: string;
  readonly result: SyncResult;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface SyncLoopOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asked before every wait, so that changed periods count at once. */
  readonly periods: () => Periods;
  /** The model's step since the last call; `rebuild` the whole state anew. */
  readonly build: () => Built;
  readonly rebuild: () => Built;
  /** Something waits to be synced. */
  readonly onQueued: () => void;
  /** A sync begins, for whatever reason: it may never end. */
  readonly onStarted?: () => void;
  /** After each sync that ran to its end, failed ones included. Exceptions are logged. */
  readonly onReport: (report: SyncReport) => void | Promise<void>;
  /** After each sync that ended with an exception, one of `onReport` included. Must not throw. */
  readonly onException?: (sync: BrokenSync) => void;
  /** The first sync is of the whole state, although the model has built it before, for another backend. */
  readonly rebuildFirst?: boolean;
}

export interface SyncLoop {
  /** First sync at once. */
  start(): void;
  /** Something changed. Many calls before the next sync are one. */
  request(reason: string): void;
  /** Lets a running sync end; none starts after. */
  stop(): Promise<void>;
}

/** Syncs for these reasons have nothing to write, most of the time, and so look. */
const LOOKS: ReadonlySet<string> = new Set(['period', 'retry']);

/**
 * Milliseconds to the first retry. Later ones wait as long as syncs have failed until then, and this long: twice as long each
 * time where nothing but retries fails, and no longer where changes are tried in between. At most syncPeriod.
 */
const FIRST_RETRY = 1000;

interface State {
  started: boolean;
  stopped: boolean;
  running: Promise<void> | null;
  /** Why a sync is due; `null`: none is. */
  reason: string | null;
  endedAt: number;
  /** End of the last sync that wrote or failed: `minSyncPeriod` counts from here. */
  wroteAt: number;
  /** When a sync last ran, or should have run, for no reason but the period: backends look at the kernel then. */
  lookedAt: number;
  /** End of the first of the syncs that have failed since the last success; `null`: the last one succeeded. */
  failingSince: number | null;
  /** An exception left the model's and the backend's memory in doubt. */
  rebuild: boolean;
  /** Trigger times of changes that no successful sync has covered. */
  unsettled: readonly number[];
  cancel: () => void;
}

function initialState({ rebuildFirst = false }: SyncLoopOptions): State {
  return {
    started: false,
    stopped: false,
    running: null,
    reason: null,
    endedAt: Number.NEGATIVE_INFINITY,
    wroteAt: Number.NEGATIVE_INFINITY,
    lookedAt: Number.NEGATIVE_INFINITY,
    failingSince: null,
    rebuild: rebuildFirst,
    unsettled: [],
    cancel: () => undefined,
  };
}

export function createSyncLoop(options: SyncLoopOptions): SyncLoop {
  const state = initialState(options);
  const arm = (): void => {
    state.cancel();
    if (!state.started || state.stopped || state.running !== null) return;
    const wait = waitOf(state, options.periods(), options.clock.now());
    state.cancel = options.clock.schedule(wait, () => {
      state.running = runOnce(options, state).finally(() => {
        state.running = null;
        arm();
      });
    });
  };
  return {
    start: () => {
      state.started = true;
      state.lookedAt = options.clock.now();
      state.reason ??= 'start';
      arm();
    },
    request: (reason) => {
      const first = state.reason === null;
      state.reason ??= reason;
      options.onQueued();
      if (first) arm();
    },
    stop: async () => {
      state.stopped = true;
      state.cancel();
      await state.running;
    },
  };
}

/** Milliseconds. What was later than now was so by a clock that has been set back since. */
function waitOf(state: State, periods: Periods, now: number): number {
  state.endedAt = Math.min(state.endedAt, now);
  state.wroteAt = Math.min(state.wroteAt, now);
  state.lookedAt = Math.min(state.lookedAt, now);
  return Math.max(0, dueAt(state, periods) - now);
}

function dueAt(
  { endedAt, wroteAt, lookedAt, reason, failingSince }: State,
  { syncPeriod, minSyncPeriod }: Periods,
): number {
  if (reason !== null) return wroteAt + minSyncPeriod;
  // Not from the end of the last sync: where something always changes, the kernel would never be verified. At the end of one, since
  // a moment later there may be another change.
  if (failingSince === null) return Math.max(endedAt, lookedAt + syncPeriod);
  const backOff = Math.min(syncPeriod, FIRST_RETRY + Math.max(0, endedAt - failingSince));
  return endedAt + Math.max(minSyncPeriod, backOff);
}

/** Never rejects: whatever goes wrong is a failed sync, and the loop goes on. */
async function runOnce(options: SyncLoopOptions, state: State): Promise<void> {
  const { clock, logger } = options;
  const reason = state.reason ?? (state.failingSince === null ? 'period' : 'retry');
  state.reason = null;
  const startedAt = clock.now();
  if (LOOKS.has(reason)) state.lookedAt = startedAt;
  let wrote = false;
  try {
    options.onStarted?.();
    const built = state.rebuild ? options.rebuild() : options.build();
    state.rebuild = true;
    const triggerTimes = [...state.unsettled, ...built.triggerTimes];
    state.unsettled = triggerTimes;
    const result = await options.backend.sync(built.change);
    state.rebuild = false;
    wrote = result.outcome !== 'ok' || result.scope !== 'none';
    const times = { startedAt, endedAt: clock.now() };
    settle(state, result, times.endedAt);
    logSync(logger, { family: options.backend.family, reason, result, counts: built.state.counts, ...times });
    await options.onReport({
      reason,
      result,
      state: built.state,
      ...times,
      triggerTimes,
      morePending: state.reason !== null,
    });
  } catch (error) {
    state.rebuild = true;
    state.failingSince ??= clock.now();
    wrote = true;
    logger.error('Sync ended with an exception; the next one is a full sync', { err: error, reason });
    options.onException?.({ reason, result: exceptionResult(error), startedAt, endedAt: clock.now() });
    options.onQueued();
  } finally {
    state.endedAt = clock.now();
    if (wrote) state.wroteAt = state.endedAt;
  }
}

/** It is not known what the sync wrote before the exception. */
function exceptionResult(error: unknown): SyncResult {
  const message = error instanceof Error ? error.message : String(error);
  return { ...NOTHING_DONE, outcome: 'failed', error: backendError('exception', 'sync', message) };
}

function settle(state: State, result: SyncResult, now: number): void {
  state.failingSince = result.outcome === 'ok' ? null : (state.failingSince ?? now);
  if (result.outcome !== 'failed') state.unsettled = [];
}
