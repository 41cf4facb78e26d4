/**
 * Compares the kernel with what we last wrote, beside syncs: no change waits for it. Chains that a sync writes while the
 * listing is made are left out of the comparison, so that a cluster that changes all the time is verified too.
 */
import type { BackendError, Result } from '@signalbox/core';
import {
  askForUnlisted,
  CANARY,
  countOtherCommits,
  firstMissing,
  type IptablesDriver,
  type ListedTables,
  missingJumps,
  PROBE,
  type SharedRule,
  TABLES,
  type Timer,
} from '@signalbox/iptables';
import { isOwnChain } from '../compile/chain-names.ts';
import { createQuickCheck, type FoundChain } from '../diff/quick-check.ts';
import { isPending } from '../diff/rule-ledger.ts';
import { guardedBy, ledgerOf, type State } from './backend-state.ts';

export interface Verification {
  /** A sync period has passed. */
  request(): void;
  /** Another process has committed to nf_tables so many times (`otherCommits`). */
  onCommits(total: number): void;
  stop(): void;
}

export interface VerificationOptions {
  readonly driver: IptablesDriver;
  readonly state: State;
  readonly timer: Timer;
  readonly onDrift: (what: string) => void;
  /** Why the kernel could not be compared. */
  readonly onProblem: (problem: BackendError) => void;
}

/** The share of time that verification may take: once a period, and where other processes keep committing. */
const TIME_SHARE = { period: 0.01, commits: 0.1 } as const;

type Occasion = keyof typeof TIME_SHARE;

/**
 * Milliseconds for the listing of all tables. `iptables-nft-save` starts anew at each commit, whichever process it is of: among
 * many rules it does not end as long as syncs are frequent. Twice as long after each that did not end, for slow machines.
 */
const LISTING_TIME = { first: 10_000, most: 40_000 } as const;

export function createVerification(options: VerificationOptions): Verification {
  const { state, timer } = options;
  const pace = { running: false, stopped: false, began: 0, ended: Number.NEGATIVE_INFINITY };
  const listing: Listing = { timeLimit: LISTING_TIME.first };
  const isDue = (occasion: Occasion): boolean => {
    // The clock may have been set back.
    const ended = Math.min(pace.ended, timer.now());
    return timer.now() - ended >= (pace.ended - pace.began) * (1 / TIME_SHARE[occasion] - 1);
  };
  const run = async (occasion: Occasion, commits?: number): Promise<void> => {
    if (pace.running || pace.stopped || ledgerOf(state) === null || state.resyncRequired || !isDue(occasion))
      return;
    pace.running = true;
    pace.began = timer.now();
    try {
      const drift = await verify(options, listing, commits ?? (await countOtherCommits(options.driver)));
      if (drift !== null && !pace.stopped) options.onDrift(drift);
    } finally {
      pace.ended = timer.now();
      pace.running = false;
    }
  };
  return {
    request: () => void run('period'),
    onCommits(total) {
      if (total !== state.seenCommits) void run('commits', total);
    },
    stop() {
      pace.stopped = true;
    },
  };
}

interface Listing {
  timeLimit: number;
}

/** Notes how long the next listing may take. Answers with what is to be reported. */
function settleListing(listing: Listing, saved: Result<null>): BackendError | null {
  const isOver = !saved.ok && saved.error.code === 'timeout';
  const isLast = listing.timeLimit === LISTING_TIME.most;
  listing.timeLimit = isOver ? Math.min(2 * listing.timeLimit, LISTING_TIME.most) : LISTING_TIME.first;
  return saved.ok || (isOver && !isLast) ? null : saved.error;
}

/** What another process has altered; `null`: nothing, or it cannot be told yet. */
async function verify(
  { driver, state, onProblem }: VerificationOptions,
  listing: Listing,
  commits: number | null,
): Promise<string | null> {
  const { compiler } = state;
  const ledger = ledgerOf(state);
  if (ledger === null || compiler === null) return null;
  const quick =
    state.running === null
      ? await firstMissing(driver, { canary: CANARY, guarded: () => guardedBy(state) })
      : null;
  if (quick !== null && state.running === null && ledgerOf(state) === ledger) return quick;
  const rewritten = TABLES.map((table) => [table, ledger[table].record()] as const);
  // The trial chain of a search for refused rules comes and goes.
  const check = createQuickCheck(
    ledger,
    driver.family,
    (table, name) => name !== PROBE && isOwnChain(table, name),
  );
  const saved = await driver.save(check.take, listing.timeLimit);
  // What a sync under way writes is recorded at its end.
  while (state.running !== null) await state.running.catch(() => undefined);
  for (const [, recording] of rewritten) recording.stop();
  const problem = settleListing(listing, saved);
  if (problem !== null) onProblem(problem);
  // A full sync has read the kernel itself.
  if (!saved.ok || ledgerOf(state) !== ledger) return null;
  const recorded = new Map(rewritten);
  const [chain] = check.differences(
    ({ table, name }) => recorded.get(table)?.has(name) === true || isPending(ledger[table], name),
  );
  if (commits !== null) state.seenCommits = commits;
  if (chain !== undefined) return describeChain(chain);
  return missingJump(driver, compiler.shared(), check.foreign);
}

/** A rule in a chain that is not owned; `null`: none is missing, or it cannot be determined now. */
async function missingJump(
  driver: IptablesDriver,
  jumps: readonly SharedRule[],
  listed: ListedTables,
): Promise<string | null> {
  const others = await askForUnlisted(driver, listed, jumps);
  if (!others.ok) return null;
  const { family } = driver;
  const [jump] = missingJumps({ jumps, family }, (table, name) => others.value[table].chains.get(name));
  return jump === undefined ? null : `a rule in ${jump.chain} of table ${jump.table} is gone`;
}

function describeChain({ table, name }: FoundChain): string {
  return `chain ${name} of table ${table} was altered`;
}
