/** What a backend remembers between syncs, and how a sync's result is told. */
import type { BackendError, DesiredChange, Drift, ServicePortKey, SyncResult } from '@signalbox/core';
import type { Applied } from './apply-plan.ts';
import type { RuleCompiler } from './compile/rule-compiler.ts';
import type { RuleLedger } from './diff/rule-ledger.ts';
import type { Guarded } from './driver/drift-watch.ts';

export interface State {
  compiler: RuleCompiler | null;
  /** `null`: the kernel is unknown; the next sync reads it. */
  ledger: RuleLedger | null;
  /** What was held before a full sync that failed: what it did not get to tell, the next one tells. */
  former: RuleLedger | null;
  /** Changes that came before the tool was found. */
  backlog: DesiredChange[];
  /** Somebody altered rules of ours: believe nothing. */
  suspect: boolean;
  guarded: readonly Guarded[];
  /** When everything may be compared again, on the clock of `performance.now()`. */
  nextLook: number;
  busy: boolean;
  /** Somebody altered rules of ours while a sync was under way. */
  disturbed: boolean;
  /** See `tighterLimit`. */
  rulesPerTransaction: number;
  /** Service ports that the kernel refused: they have no rules until it takes them. */
  readonly refused: Map<ServicePortKey, BackendError>;
}

export function phaseOf({ ledger, busy, suspect }: State): 'off' | 'writing' | 'idle' {
  if (busy) return 'writing';
  return ledger === null || suspect ? 'off' : 'idle';
}

export function createState(): State {
  return {
    compiler: null,
    ledger: null,
    former: null,
    backlog: [],
    suspect: false,
    guarded: [],
    nextLook: 0,
    busy: false,
    disturbed: false,
    rulesPerTransaction: Infinity,
    refused: new Map(),
  };
}

export function succeeded(
  scope: SyncResult['scope'],
  state: State,
  applied: Applied,
  repaired: readonly Drift[] = [],
): SyncResult {
  return {
    outcome: state.refused.size === 0 ? 'ok' : 'partial',
    scope,
    failures: [...state.refused].map(([key, error]) => ({ key, error })),
    repaired,
    counters: counters(state, applied, repaired.length),
  };
}

export function failed(
  error: BackendError,
  scope: SyncResult['scope'],
  state: State,
  applied: Applied,
): SyncResult {
  if (error.kernel === 'unknown') state.ledger = null;
  return {
    outcome: 'failed',
    scope,
    failures: [],
    error,
    repaired: [],
    counters: counters(state, applied, 0),
  };
}

function counters({ ledger }: State, applied: Applied, repaired: number): SyncResult['counters'] {
  return {
    ...applied,
    rulesTotalNat: ledger?.count('nat') ?? 0,
    rulesTotalFilter: ledger?.count('filter') ?? 0,
    repaired,
  };
}
