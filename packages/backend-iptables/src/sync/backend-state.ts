/** The state of a backend between syncs. */
import {
  createDesiredView,
  createRefusedServices,
  createTimeShare,
  type DesiredView,
  type RefusedServices,
  type TimeShare,
} from '@signalbox/backend-kit';
import type { Clock, Drift } from '@signalbox/core';
import type { Guarded } from '@signalbox/iptables';
import type { RuleCompiler } from '../compile/rule-compiler.ts';
import type { RuleLedger } from '../diff/rule-ledger.ts';
import { formatJump, type KnownRules } from './known-rules.ts';

export interface Verification {
  /** A sync period has passed. */
  request(): void;
  /** The number of commits of other processes to nf_tables so far (`otherCommits`). */
  onCommits(total: number): void;
  stop(): void;
}

/** The recorded content of the kernel: if it is unknown, the next sync reads the kernel. */
export type KernelState =
  /** `last`: the content before it became unknown; `null`: not known either. */
  | { readonly kind: 'unknown'; readonly last: KnownRules | null }
  /** `guarded`: rules in chains that are not owned. */
  | { readonly kind: 'held'; readonly ledger: RuleLedger; readonly guarded: readonly Guarded[] };

export interface State {
  compiler: RuleCompiler | null;
  kernel: KernelState;
  readonly refused: RefusedServices;
  /** Changes by other processes that full passes found but did not report, since the sync failed. */
  readonly unreported: Drift[];
  /** Changes that were passed in before the tool was found. */
  readonly backlog: DesiredView;
  /** Another process altered owned rules: the next sync reads the kernel. */
  resyncRequired: boolean;
  /** The same, while a sync was running. */
  changedDuringSync: boolean;
  /** The time of full comparisons within syncs. */
  readonly verifications: TimeShare;
  /** The sync under way. */
  running: Promise<unknown> | null;
  /** Commits of other processes (`otherCommits`) whose effect the last full pass or verification has read. */
  seenCommits: number | null;
  /** Compares with the kernel beside syncs, while the backend is watched. */
  verification: Verification | null;
  /** See `tighterLimit`. */
  rulesPerTransaction: number;
}

export function createState(clock: Pick<Clock, 'elapsed'>): State {
  return {
    compiler: null,
    kernel: { kind: 'unknown', last: null },
    refused: createRefusedServices(),
    unreported: [],
    backlog: createDesiredView(),
    resyncRequired: false,
    changedDuringSync: false,
    verifications: createTimeShare(() => clock.elapsed()),
    running: null,
    seenCommits: null,
    verification: null,
    rulesPerTransaction: Infinity,
  };
}

export function ledgerOf({ kernel }: Pick<State, 'kernel'>): RuleLedger | null {
  return kernel.kind === 'held' ? kernel.ledger : null;
}

export function guardedBy({ kernel }: Pick<State, 'kernel'>): readonly Guarded[] {
  return kernel.kind === 'held' ? kernel.guarded : [];
}

export function phaseOf({ kernel, running, resyncRequired }: State): 'off' | 'writing' | 'idle' {
  if (running !== null) return 'writing';
  return kernel.kind === 'unknown' || resyncRequired ? 'off' : 'idle';
}

/** The next sync has to read the kernel. */
export function forgetLedger(state: State): void {
  const { kernel } = state;
  if (kernel.kind === 'unknown') return;
  const jumps = new Set(kernel.guarded.map(formatJump));
  state.kernel = { kind: 'unknown', last: { ledger: kernel.ledger, jumps } };
}
