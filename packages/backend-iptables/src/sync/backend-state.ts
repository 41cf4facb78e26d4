/** What a backend remembers between syncs, and how a sync's result is told. */
import type { BackendError, DesiredChange, Drift, ServicePortKey, SyncResult } from '@signalbox/core';
import type { Guarded } from '@signalbox/iptables';
import type { Applied } from './apply-plan.ts';
import type { RuleCompiler } from '../compile/rule-compiler.ts';
import type { RuleLedger } from '../diff/rule-ledger.ts';
import type { KnownRules } from './known-rules.ts';
import type { Verification } from './verification.ts';

export interface State {
  compiler: RuleCompiler | null;
  /** `null`: the kernel is unknown; the next sync reads it. */
  ledger: RuleLedger | null;
  /** What the kernel was known to hold when `ledger` became `null`; `null`: not known. */
  known: KnownRules | null;
  /** Rules of ours in chains of others, as `formatJump` has them, that are known to be in the kernel. */
  jumps: ReadonlySet<string>;
  /** What other processes altered, found by full syncs that failed: the next that succeeds reports it. */
  readonly unreported: Drift[];
  /** Changes that came before the tool was found. */
  backlog: DesiredChange[];
  /** Somebody altered rules of ours: believe nothing. */
  suspect: boolean;
  guarded: readonly Guarded[];
  /** When everything may be compared again, on the clock of `performance.now()`. */
  nextLook: number;
  /** The sync under way. */
  running: Promise<unknown> | null;
  /** Commits of other processes (`otherCommits`) that the last full sync or verification has seen the effect of. */
  seenCommits: number | null;
  /** Compares with the kernel beside syncs, as long as the backend is watched. */
  verification: Verification | null;
  /** Somebody altered rules of ours while a sync was under way. */
  disturbed: boolean;
  /** See `tighterLimit`. */
  rulesPerTransaction: number;
  /** Service ports that the kernel refused: they have no rules until it takes them. */
  readonly refused: Map<ServicePortKey, BackendError>;
}

export function phaseOf({ ledger, running, suspect }: State): 'off' | 'writing' | 'idle' {
  if (running !== null) return 'writing';
  return ledger === null || suspect ? 'off' : 'idle';
}

/** The next sync has to read the kernel. */
export function forgetLedger(state: State): void {
  if (state.ledger !== null) state.known = { ledger: state.ledger, jumps: state.jumps };
  state.ledger = null;
}

export function createState(): State {
  return {
    compiler: null,
    ledger: null,
    known: null,
    jumps: new Set(),
    unreported: [],
    seenCommits: null,
    verification: null,
    running: null,
    backlog: [],
    suspect: false,
    guarded: [],
    nextLook: 0,
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
  if (error.kernel === 'unknown') forgetLedger(state);
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
