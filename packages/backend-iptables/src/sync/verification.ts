/**
 * Compares the kernel with the last write of this process, beside syncs: no change waits for it. Chains that a sync writes
 * during the listing are excluded from the comparison, so that a cluster that changes all the time is verified too.
 */
import { createTimeShare } from '@signalbox/backend-kit';
import type { BackendError, Clock, Result } from '@signalbox/core';
import { CANARY, countOtherCommits, firstMissing, type IptablesDriver } from '@signalbox/iptables';
import { guardedBy, ledgerOf, type State, type Verification } from './backend-state.ts';
import { findAltered, findAlteredByPieces, type Finding } from './find-altered.ts';

export interface VerificationOptions {
  readonly driver: IptablesDriver;
  readonly state: State;
  readonly clock: Pick<Clock, 'elapsed'>;
  readonly onDrift: (what: string) => void;
  /** Why the kernel could not be compared. */
  readonly onProblem: (problem: BackendError) => void;
}

/** The maximum share of time for verification, once a period and while other processes keep committing. */
const TIME_SHARE = { period: 0.01, commits: 0.1 } as const;

type Occasion = keyof typeof TIME_SHARE;

/**
 * Milliseconds for the listing of all tables. `iptables-nft-save` restarts at each commit, of whichever process: with many
 * rules it does not complete while commits are frequent, and chains are listed in pieces. Doubled after each listing that did
 * not complete, for slow machines.
 */
const LISTING_TIME = { first: 10_000, most: 40_000 } as const;

export function createVerification(options: VerificationOptions): Verification {
  const { state, clock } = options;
  const pace = createTimeShare(() => clock.elapsed());
  const progress = { running: false, stopped: false };
  const listing: Listing = { timeLimit: LISTING_TIME.first };
  const run = async (occasion: Occasion, commits?: number): Promise<void> => {
    if (progress.running || progress.stopped || ledgerOf(state) === null || state.resyncRequired) return;
    if (!pace.isDue(TIME_SHARE[occasion])) return;
    progress.running = true;
    try {
      const drift = await pace.take(async () =>
        verify(options, listing, commits ?? (await countOtherCommits(options.driver))),
      );
      if (drift !== null && !progress.stopped) options.onDrift(drift);
    } finally {
      progress.running = false;
    }
  };
  return {
    request: () => void run('period'),
    onCommits(total) {
      if (total !== state.seenCommits) void run('commits', total);
    },
    stop() {
      progress.stopped = true;
    },
  };
}

interface Listing {
  timeLimit: number;
}

/** Sets the time limit of the next listing. Returns what is to be reported. */
function settleListing(listing: Listing, saved: Result<null>): BackendError | null {
  const isLast = listing.timeLimit === LISTING_TIME.most;
  listing.timeLimit = isOver(saved) ? Math.min(2 * listing.timeLimit, LISTING_TIME.most) : LISTING_TIME.first;
  return saved.ok || (isOver(saved) && !isLast) ? null : saved.error;
}

function isOver(saved: Result<null>): boolean {
  return !saved.ok && saved.error.code === 'timeout';
}

/** What another process has altered; `null`: nothing, or it cannot be determined yet. */
async function verify(
  { driver, state, onProblem }: VerificationOptions,
  listing: Listing,
  commits: number | null,
): Promise<string | null> {
  const ledger = ledgerOf(state);
  if (ledger === null) return null;
  const quick =
    state.running === null
      ? await firstMissing(driver, { canary: CANARY, guarded: () => guardedBy(state) })
      : null;
  if (quick !== null && state.running === null && ledgerOf(state) === ledger) return quick;
  const { saved, finding } = await findAltered({ driver, state }, ledger, listing.timeLimit);
  const problem = settleListing(listing, saved);
  const found = isOver(saved) ? ((await findAlteredByPieces({ driver, state }, ledger)) ?? finding) : finding;
  return conclude({ found, problem, state, onProblem, commits });
}

interface Conclusion extends Pick<VerificationOptions, 'state' | 'onProblem'> {
  readonly found: Finding;
  /** Of the listing of all tables. */
  readonly problem: BackendError | null;
  readonly commits: number | null;
}

function conclude({ found, problem, state, onProblem, commits }: Conclusion): string | null {
  if (found.kind === 'compared') {
    if (commits !== null) state.seenCommits = commits;
    return found.drift;
  }
  const error = found.kind === 'failed' ? found.error : problem;
  if (error !== null) onProblem(error);
  return null;
}
