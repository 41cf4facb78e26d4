/** Detects changes of other processes, and makes the next sync read the kernel. */
import { reportOnce } from '@signalbox/backend-kit';
import type { BackendError } from '@signalbox/core';
import { backgroundClock } from '@signalbox/core/system-clock';
import { CANARY, createDriftWatch, type DriftWatchOptions, type IptablesDriver } from '@signalbox/iptables';
import type { IptablesOptions } from '../options.ts';
import { guardedBy, phaseOf, type State } from './backend-state.ts';
import { createVerification } from './verification.ts';

export interface RuleWatch {
  readonly driver: IptablesDriver;
  readonly options: Pick<IptablesOptions, 'clock' | 'checkInterval'>;
  readonly state: State;
  readonly onDrift: (what: string) => void;
  readonly onProblem: (problem: BackendError) => void;
}

/** Rules that must exist, and whose query is inexpensive. */
export function canaries(state: State): Pick<DriftWatchOptions, 'canary' | 'guarded'> {
  return { canary: CANARY, guarded: () => guardedBy(state) };
}

/** From now on the backend verifies beside syncs. The returned function ends it. */
export function watchRules({ driver, options, state, onDrift, onProblem }: RuleWatch): () => void {
  const { clock = backgroundClock, checkInterval = 30_000 } = options;
  const requireResync = (what: string): void => {
    // A running sync may have read or written before the change: its end must not clear the requirement.
    if (state.running !== null) state.changedDuringSync = true;
    else state.resyncRequired = true;
    onDrift(what);
  };
  const report = reportOnce(onProblem);
  const verification = createVerification({
    driver,
    state,
    clock,
    onDrift: requireResync,
    onProblem: report,
  });
  const stopWatch = createDriftWatch({
    driver,
    clock,
    interval: typeof checkInterval === 'number' ? () => checkInterval : checkInterval,
    phase: () => phaseOf(state),
    ...canaries(state),
    onDrift: requireResync,
    onCommits: (total) => verification.onCommits(total),
    onProblem: report,
  });
  state.verification = verification;
  return () => {
    stopWatch();
    verification.stop();
    if (state.verification === verification) state.verification = null;
  };
}
