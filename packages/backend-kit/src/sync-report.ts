/** What the parts of one sync did, gathered into the `SyncResult` of the contract. Pure. */
import type { BackendError, Drift, ServiceFailure, SyncResult } from '@signalbox/core';

/** Collects failures, repairs and counters during one sync. */
export interface SyncReport {
  /** No part of the sync has read or written the kernel. */
  readonly isIdle: boolean;
  /** `failAll` was called. */
  readonly hasFailed: boolean;
  /** `full` prevails over `partial`. */
  reach(scope: 'full' | 'partial'): void;
  /** Adds to a counter; names are the backend's own, documented in its package. */
  count(counter: string, amount?: number): void;
  /** An object that was not programmed while the rest was. `key`: a `ServicePortKey`, or the object's name. */
  fail(key: string, error: BackendError): void;
  /** Something failed that all services need. The first such error is reported. */
  failAll(error: BackendError): void;
  /** What another process had changed and this sync has written again. */
  repair(drift: readonly Drift[]): void;
  /** `gauges` are counters with an absolute value. */
  result(gauges?: Readonly<Record<string, number>>): SyncResult;
}

/** The report of a sync that has not begun: outcome `ok`, scope `none`. */
export function createSyncReport(): SyncReport {
  const failures: ServiceFailure[] = [];
  const repaired: Drift[] = [];
  const counters: Record<string, number> = {};
  let scope: SyncResult['scope'] = 'none';
  let fatal: BackendError | null = null;
  return {
    get isIdle() {
      return scope === 'none';
    },
    get hasFailed() {
      return fatal !== null;
    },
    reach(reached) {
      if (scope !== 'full') scope = reached;
    },
    count(counter, amount = 1) {
      counters[counter] = (counters[counter] ?? 0) + amount;
    },
    fail: (key, error) => void failures.push({ key, error }),
    failAll(error) {
      fatal ??= error;
    },
    // One by one: a spread of a whole cluster's objects overflows the stack.
    repair: (drift) => drift.forEach((each) => repaired.push(each)),
    result(gauges = {}) {
      const rest = { scope, failures, repaired, counters: { ...counters, ...gauges } };
      if (fatal !== null) return { outcome: 'failed', ...rest, error: fatal };
      return { outcome: failures.length > 0 ? 'partial' : 'ok', ...rest };
    },
  };
}
