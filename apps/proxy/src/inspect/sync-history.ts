/** The last syncs of all families. A sync only adds its own entry. */
import {
  type BackendError,
  type Drift,
  type Family,
  type ServiceFailure,
  type SyncResult,
} from '@signalbox/core';
import type { ErrorAnswer, Excerpt, FailureAnswer, SyncAnswer } from './answers.ts';

/** A sync that has ended. */
export interface EndedSync {
  readonly family: Family;
  readonly mode: string;
  readonly reason: string;
  readonly result: SyncResult;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
}

type RepairTotals = Readonly<Record<Drift['kind'], number>>;

export interface SyncHistory {
  add(sync: EndedSync): void;
  /** Number since the start. */
  added(): number;
  /** Oldest first. */
  syncs(): readonly SyncAnswer[];
  last(family: Family): SyncAnswer | null;
  /** Service ports and other objects refused in the last sync that did not fail as a whole. */
  failures(family: Family): readonly FailureAnswer[];
  repaired(family: Family): RepairTotals;
}

/** Limits of syncs and of objects of one sync: after a flush of all rules, a sync repairs tens of thousands of objects. */
const KEPT = 100;
const OBJECTS = 20;

export function errorAnswer({ code, operation, message }: BackendError): ErrorAnswer {
  return { code, operation, message };
}

export function failureAnswer(family: Family, { key, error }: ServiceFailure): FailureAnswer {
  return { family, key, ...errorAnswer(error) };
}

function excerpt<T, A>(all: readonly T[], answer: (item: T) => A): Excerpt<A> {
  return { total: all.length, items: all.slice(0, OBJECTS).map(answer) };
}

function syncAnswer({ family, mode, reason, result, startedAt, endedAt }: EndedSync): SyncAnswer {
  return {
    time: new Date(startedAt).toISOString(),
    milliseconds: Number((endedAt - startedAt).toFixed(1)),
    family,
    mode,
    reason,
    outcome: result.outcome,
    scope: result.scope,
    counters: result.counters,
    repaired: excerpt(result.repaired, (drift) => drift),
    failures: excerpt(result.failures, (failure) => failureAnswer(family, failure)),
    error: result.error === undefined ? null : errorAnswer(result.error),
  };
}

interface FamilyHistory {
  last: SyncAnswer | null;
  failures: readonly ServiceFailure[];
  readonly repaired: Record<Drift['kind'], number>;
}

export function createSyncHistory(): SyncHistory {
  const kept: SyncAnswer[] = [];
  let added = 0;
  const families = new Map<Family, FamilyHistory>();
  const of = (family: Family): FamilyHistory => {
    const known = families.get(family);
    if (known !== undefined) return known;
    const fresh = { last: null, failures: [], repaired: { missing: 0, altered: 0, stale: 0 } };
    families.set(family, fresh);
    return fresh;
  };
  return {
    add(sync) {
      const { result, family } = sync;
      added += 1;
      const history = of(family);
      history.last = syncAnswer(sync);
      if (result.outcome !== 'failed') history.failures = result.failures;
      for (const { kind } of result.repaired) history.repaired[kind] += 1;
      kept.push(history.last);
      if (kept.length > KEPT) kept.shift();
    },
    added: () => added,
    syncs: () => [...kept],
    last: (family) => of(family).last,
    failures: (family) => of(family).failures.map((failure) => failureAnswer(family, failure)),
    repaired: (family) => ({ ...of(family).repaired }),
  };
}
