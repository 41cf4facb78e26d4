/** One pod is removed, another one added, while a client keeps connecting. */
import type { World } from '../world.ts';
import { callFrontend, podOf } from './distribution.ts';
import type { DemoEndpoint, Frontend } from './objects.ts';

export interface Followed {
  /** Milliseconds from the edit to the first connection that the new pod answered. */
  readonly firstToNew: number;
  /** Milliseconds from the edit to the last connection that the old pod answered; 0: none after it. */
  readonly lastToOld: number;
  /** Connections opened from before the edit until well after it. */
  readonly connections: number;
  readonly failed: number;
}

export interface Change {
  /** All that lead to the service: each family is programmed by itself, and one may be later than the other. */
  readonly frontends: readonly Frontend[];
  /** Endpoints before and after, so that both pods have names. */
  readonly endpoints: readonly DemoEndpoint[];
  readonly goes: string;
  readonly comes: string;
  edit(): void;
  readonly stopped: AbortSignal;
}

const DEADLINE_MS = 60_000;
const AT_ONCE = 4;
/** Number of consecutive answers without the old pod: if it still got a third of all, the probability would be 1 in 10^9. */
const PROOF = 50;

interface Tally {
  connections: number;
  failed: number;
  firstToNew: number;
  lastToOld: number;
  /** Consecutive answers of other pods than the old one, since the first answer of the new pod. */
  quiet: number;
}

const NOTHING: Readonly<Tally> = { connections: 0, failed: 0, firstToNew: 0, lastToOld: 0, quiet: 0 };

function count(tally: Tally, pod: string | undefined, { goes, comes }: Change, elapsed: number): void {
  tally.connections += 1;
  if (pod === undefined) tally.failed += 1;
  if (pod === comes && tally.firstToNew === 0) tally.firstToNew = elapsed;
  if (pod === goes) tally.lastToOld = elapsed;
  tally.quiet = pod === goes || tally.firstToNew === 0 ? 0 : tally.quiet + 1;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Connects without a pause, edits, and continues until only the pods of the new manifest answer, at every frontend. */
export async function watchChange(world: World, change: Change): Promise<Followed> {
  const watched = change.frontends.map((frontend) => ({ frontend, tally: { ...NOTHING } }));
  const connectOnce = async (since: number): Promise<void> => {
    change.stopped.throwIfAborted();
    const calls = watched.map(async ({ frontend, tally }) => {
      const attempts = await callFrontend(world, { frontend, tries: AT_ONCE });
      const elapsed = Math.max(0, performance.now() - since);
      for (const attempt of attempts) count(tally, podOf(change.endpoints, attempt), change, elapsed);
    });
    await Promise.all(calls);
  };
  for (let round = 0; round < 10; round += 1) await connectOnce(Number.POSITIVE_INFINITY);
  const edited = performance.now();
  change.edit();
  while (watched.some(({ tally }) => tally.quiet < PROOF)) {
    if (performance.now() - edited > DEADLINE_MS) {
      throw new Error(
        `${change.comes} did not take the place of ${change.goes} within ${DEADLINE_MS / 1000} s`,
      );
    }
    await connectOnce(edited);
  }
  const tallies = watched.map(({ tally }) => tally);
  return {
    connections: sum(tallies.map(({ connections }) => connections)),
    failed: sum(tallies.map(({ failed }) => failed)),
    firstToNew: Math.min(...tallies.map(({ firstToNew }) => firstToNew)),
    lastToOld: Math.max(...tallies.map(({ lastToOld }) => lastToOld)),
  };
}
