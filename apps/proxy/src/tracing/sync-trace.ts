/** What is recorded of the sync that wrote a change. Types only: the exporter is loaded only when tracing is on. */
import type { DesiredCounts, Family, SyncResult } from '@signalbox/core';

/** Milliseconds since 1970, with fractions. */
export interface Interval {
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface SyncTrace {
  readonly family: Family;
  readonly mode: string;
  readonly reason: string;
  readonly result: SyncResult;
  readonly counts: DesiredCounts;
  /** Object changes of the family that it covers. */
  readonly events: number;
  /** More than 1 after syncs that failed: then the change waited for them, too. */
  readonly attempt: number;
  /** From the arrival of the first change to its being applied to the model. */
  readonly decode: Interval;
  /** Waits for minSyncPeriod, for a running sync or for the first complete set of objects. */
  readonly wait: Interval;
  readonly build: Interval;
  /** Of the backend: compares, compiles and writes. */
  readonly program: Interval;
  readonly writes: readonly Interval[];
  /** `null`: the mode leaves no flows. */
  readonly staleFlows: Interval | null;
}

export interface TraceExporter {
  /** Never waits, never throws. */
  record(trace: SyncTrace): void;
  /** Sends what is recorded. */
  close(): Promise<void>;
}
