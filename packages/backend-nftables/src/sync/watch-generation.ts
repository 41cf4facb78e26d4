/**
 * Finds out that another process changed the table. Every commit in the network namespace, whichever program makes it, raises
 * the generation of the rule set; it is polled, since a listener of the NFTABLES group slows every commit on the machine.
 */
import { createTimeShare, type TimeShare } from '@signalbox/backend-kit';
import { backgroundClock } from '@signalbox/core/system-clock';
import { nftFamily } from '../encode/rule-expressions.ts';
import { TABLE } from '../objects/ruleset.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import type { NftablesOptions } from '../options.ts';
import type { BackendState, HeldTable } from './backend-state.ts';
import { isSameStructure } from '../objects/observed.ts';
import { observe } from './observe.ts';

export interface GenerationWatch {
  readonly options: NftablesOptions;
  readonly driver: NftablesDriver;
  readonly verifier: NftablesDriver;
  readonly state: BackendState;
  readonly onDrift: (what: string) => void;
}

/** Reading all elements may take this share of the time (decisions/0011-listening.md). */
const VERIFY_TIME_SHARE = 0.01;

/** Starts to poll; the returned function stops it. */
export function watchGeneration(watch: GenerationWatch): () => void {
  const { clock = backgroundClock, pollInterval = 250 } = watch.options;
  const polling: Polling = { stopped: false, verifications: createTimeShare(() => clock.elapsed()) };
  let cancel = (): void => {};
  const schedule = (): void => {
    cancel = clock.schedule(untilNextPoll(clock.elapsed(), pollInterval), () => {
      void poll(watch, polling).finally(() => {
        if (!polling.stopped) schedule();
      });
    });
  };
  schedule();
  return () => {
    polling.stopped = true;
    cancel();
  };
}

/**
 * Milliseconds to the next multiple of the interval, at least half of one: the families, whose polls take differently long, poll
 * at the same moments and share a request.
 */
function untilNextPoll(elapsed: number, interval: number): number {
  const left = interval - (elapsed % interval);
  return left < interval / 2 ? left + interval : left;
}

interface Polling {
  stopped: boolean;
  readonly verifications: TimeShare;
}

async function poll(watch: GenerationWatch, polling: Polling): Promise<void> {
  const { state } = watch;
  if (state.busy || state.resyncRequired || state.held.kind === 'unknown') return;
  const commits = state.commits;
  if (await isStructureAltered(watch)) report(watch, polling, commits);
  else if (state.unverified && polling.verifications.isDue(VERIFY_TIME_SHARE)) {
    await verify(watch, polling);
  }
}

/** One request where nothing was committed; then chains, rules and counts, at a cost that does not depend on the services. */
async function isStructureAltered({ driver, state }: GenerationWatch): Promise<boolean> {
  const { held, commits } = state;
  if (held.kind === 'unknown') return false;
  const generation = await state.ownCommits.polled(() => driver.generation());
  if (!generation.ok) return false;
  // The kernel may have had a commit of the other family, whose answer is still to come; or had none yet that has been made since.
  await state.ownCommits.settled();
  if (state.ownCommits.isOwnStep(generation.value, held.structure.generation)) {
    followOwnCommits(state, held);
    return false;
  }
  const structure = await driver.structure();
  if (!structure.ok || state.busy || state.commits !== commits || state.held !== held) return false;
  if (!isSameStructure(held.structure, structure.value)) return true;
  state.held = { ...held, structure: structure.value };
  state.unverified = true;
  return false;
}

/** Kept up to date, since the way from a generation is forgotten once another process commits. */
function followOwnCommits(state: BackendState, held: HeldTable): void {
  const generation = state.ownCommits.latestSince(held.structure.generation);
  if (state.held === held) state.held = { ...held, structure: { ...held.structure, generation } };
}

/** Elements, too: a commit may have exchanged one for another. Counts only if nothing was written meanwhile. */
async function verify(watch: GenerationWatch, polling: Polling): Promise<void> {
  const { verifier, state } = watch;
  const { commits } = state;
  state.unverified = false;
  const observed = await polling.verifications.take(() => observe(verifier, state));
  if (observed.outcome === 'failed') state.unverified = true;
  else if (observed.drift.length > 0) report(watch, polling, commits);
}

function report({ state, options, onDrift }: GenerationWatch, polling: Polling, commits: number): void {
  if (polling.stopped) return;
  if (state.busy || state.commits !== commits) {
    state.unverified = true;
    return;
  }
  state.resyncRequired = true;
  onDrift(`table ${nftFamily(options.family)} ${TABLE}`);
}
