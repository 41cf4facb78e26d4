/** Data recorded for the sync that wrote a change. Types only: the exporter is loaded only when tracing is enabled. */
import type { DesiredCounts, Family, SyncResult } from '@signalbox/core';
import type { OnConnectionEnd } from '../modes/proxy-mode.ts';

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
  /** Object changes of the family in this sync. */
  readonly events: number;
  /** More than 1 after failed syncs: the change then also waited for these. */
  readonly attempt: number;
  /** From the arrival of the first change until it is applied to the model. */
  readonly decode: Interval;
  /** Waits for minSyncPeriod, for a running sync or for the first complete set of objects. */
  readonly wait: Interval;
  readonly build: Interval;
  /** Of the backend: compares, compiles and writes. */
  readonly program: Interval;
  readonly writes: readonly Interval[];
  /** `null`: the mode does not create flows. */
  readonly staleFlows: Interval | null;
}

export interface TraceExporter {
  /** Never waits, never throws. */
  record(trace: SyncTrace): void;
  /** As `record`, for a connection through this process. */
  readonly recordConnection: OnConnectionEnd;
  /** Sends the recorded spans. */
  close(): Promise<void>;
}
