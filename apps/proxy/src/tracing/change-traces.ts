/** Records when the parts of a sync begin and end, from the arrival of a change to the kernel's commit. */
import type { Family } from '@signalbox/core';
import type { MeasureWrite } from '../modes/proxy-mode.ts';
import type { SyncReport } from '../sync/sync-loop.ts';
import type { Interval, SyncTrace } from './sync-trace.ts';

export interface ChangeTracesOptions {
  /** Milliseconds since 1970, with fractions. */
  readonly now: () => number;
  readonly record: (trace: SyncTrace) => void;
}

export interface ChangeTraces {
  /** Objects have arrived and will now be applied to the model. */
  arrived(): void;
  /** The objects were applied, and have changed this family. */
  changed(family: Family, events: number): void;
  readonly families: Readonly<Record<Family, FamilyTrace>>;
}

/** Called by the loop of a family, in this order. Records nothing if no object has changed since the last sync. */
export interface FamilyTrace {
  readonly measureWrite: MeasureWrite;
  syncStarts(): void;
  built(): void;
  programmed(): void;
  staleFlowsStart(): void;
  staleFlowsEnd(): void;
  syncEnds(mode: string, report: TracedSync): void;
}

interface TracedSync extends Pick<SyncReport, 'reason' | 'result'> {
  readonly state: Pick<SyncReport['state'], 'counts'>;
}

interface Arrival {
  readonly decode: Interval;
  readonly events: number;
}

interface Running {
  readonly startedAt: number;
  builtAt: number;
  programmedAt: number;
  staleFlows: Interval | null;
  readonly writes: Interval[];
}

interface State {
  /** Waits for the next sync. */
  waiting: Arrival | null;
  /** Of the running sync, or of a failed sync. */
  taken: Arrival | null;
  attempts: number;
  running: Running | null;
}

/** Writes of one sync with a span of their own; the last one is extended by further ones. */
const MOST_WRITES = 32;

export function createChangeTraces({ now, record }: ChangeTracesOptions): ChangeTraces {
  let arrivedAt = 0;
  const states: Record<Family, State> = { IPv4: initialState(), IPv6: initialState() };
  const trace = (family: Family): FamilyTrace =>
    createFamilyTrace(states[family], { now, record: (own) => record({ family, ...own }) });
  return {
    arrived: () => (arrivedAt = now()),
    changed: (family, events) => {
      const state = states[family];
      state.waiting = merge(state.waiting, {
        decode: { startedAt: arrivedAt, endedAt: now() },
        events,
      });
    },
    families: { IPv4: trace('IPv4'), IPv6: trace('IPv6') },
  };
}

function initialState(): State {
  return { waiting: null, taken: null, attempts: 0, running: null };
}

/** The interval of the first change: a trace begins with the change that waited longest. */
function merge(earlier: Arrival | null, later: Arrival | null): Arrival | null {
  if (earlier === null || later === null) return earlier ?? later;
  return { decode: earlier.decode, events: earlier.events + later.events };
}

interface FamilyOptions {
  readonly now: () => number;
  readonly record: (trace: Omit<SyncTrace, 'family'>) => void;
}

function createFamilyTrace(state: State, { now, record }: FamilyOptions): FamilyTrace {
  return {
    measureWrite: (write) => measure(state, now, write),
    syncStarts: () => beginSync(state, now),
    built: () => {
      if (state.running !== null) state.running.builtAt = now();
    },
    programmed: () => {
      if (state.running !== null) state.running.programmedAt = now();
    },
    staleFlowsStart: () => {
      const startedAt = now();
      if (state.running !== null) state.running.staleFlows = { startedAt, endedAt: startedAt };
    },
    staleFlowsEnd: () => {
      const { running } = state;
      const begun = running?.staleFlows ?? null;
      if (running !== null && begun !== null) running.staleFlows = { ...begun, endedAt: now() };
    },
    syncEnds: (mode, sync) => endSync(state, record, { mode, sync }),
  };
}

function beginSync(state: State, now: () => number): void {
  state.taken = merge(state.taken, state.waiting);
  state.waiting = null;
  state.running = null;
  if (state.taken === null) return;
  state.attempts += 1;
  const startedAt = now();
  state.running = { startedAt, builtAt: startedAt, programmedAt: startedAt, staleFlows: null, writes: [] };
}

function endSync(
  state: State,
  record: FamilyOptions['record'],
  { mode, sync }: { readonly mode: string; readonly sync: TracedSync },
): void {
  const { taken, running, attempts: attempt } = state;
  const { reason, result } = sync;
  state.running = null;
  if (taken === null || running === null) return;
  const { events } = taken;
  record({ mode, reason, result, counts: sync.state.counts, attempt, events, ...intervals(taken, running) });
  // A change that was not written to the kernel is also part of the next sync.
  if (result.outcome === 'failed') return;
  state.taken = null;
  state.attempts = 0;
}

/** Writes outside of a sync, or in a sync that no change caused, are not recorded. */
async function measure<T>(state: State, now: () => number, write: () => Promise<T>): Promise<T> {
  const { running } = state;
  if (running === null) return write();
  const startedAt = now();
  try {
    return await write();
  } finally {
    const interval = { startedAt, endedAt: now() };
    const last = running.writes.at(-1);
    if (last === undefined || running.writes.length < MOST_WRITES) running.writes.push(interval);
    else running.writes[running.writes.length - 1] = { ...last, endedAt: interval.endedAt };
  }
}

type Intervals = Pick<SyncTrace, 'decode' | 'wait' | 'build' | 'program' | 'writes' | 'staleFlows'>;

function intervals({ decode }: Arrival, running: Running): Intervals {
  const { startedAt, builtAt, programmedAt, staleFlows, writes } = running;
  return {
    decode,
    wait: { startedAt: decode.endedAt, endedAt: startedAt },
    build: { startedAt, endedAt: builtAt },
    program: { startedAt: builtAt, endedAt: programmedAt },
    writes,
    staleFlows,
  };
}
