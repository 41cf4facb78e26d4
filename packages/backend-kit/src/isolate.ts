/**
 * Finds the objects that the kernel refuses, so that they cost no other service its rules: a group that is refused is
 * halved and tried again. Trials must not change what packets meet. Pure but for the trials.
 */
import type { BackendError } from '@signalbox/core';

/** The outcome of one trial of a group. */
export type Trial =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly error: BackendError }
  /** The size of the group, not its content, was refused: it is halved, but no single object is blamed. */
  | { readonly kind: 'too-large' }
  /** A lock that is held, a tool that hangs: nothing can be concluded, the search ends. */
  | { readonly kind: 'inconclusive' };

/** The objects to search, how a trial is made, and the limits of one search. */
export interface IsolationOptions<T> {
  /** The objects that were refused together. */
  readonly suspects: readonly T[];
  /** Tries the group beside the objects in force. */
  readonly attempt: (group: readonly T[]) => Promise<Trial>;
  /** Tries one refused object again, for tools that fail now and then. */
  readonly confirm: (suspect: T, error: BackendError) => Promise<Trial>;
  /** Size of the first groups. */
  readonly groupSize: number;
  /** The search ends after so many refused trials; the next search goes on. */
  readonly refusalsLimit: number;
}

/** Result of one search: the objects that were accepted and those that were refused, with the error of each. */
export interface Isolation<T> {
  readonly accepted: ReadonlySet<T>;
  /** Suspects in neither of the two were not reached. */
  readonly refused: ReadonlyMap<T, BackendError>;
}

/** Searches until every suspect is tried, a trial is inconclusive or `refusalsLimit` is reached. */
export async function isolateRefused<T>(options: IsolationOptions<T>): Promise<Isolation<T>> {
  const { attempt, confirm, refusalsLimit } = options;
  const groups = groupsOf(options.suspects, options.groupSize);
  const accepted = new Set<T>();
  const refused = new Map<T, BackendError>();
  for (let refusals = 0; refusals < refusalsLimit;) {
    const group = groups.pop();
    if (group === undefined) break;
    const trial = await tryGroup(group, attempt, confirm);
    if (trial.kind === 'inconclusive') break;
    if (trial.kind === 'refused') refusals++;
    if (trial.kind === 'accepted') for (const suspect of group) accepted.add(suspect);
    else if (group.length > 1) groups.push(...halvesOf(group));
    else if (trial.kind === 'refused') for (const suspect of group) refused.set(suspect, trial.error);
  }
  return { accepted, refused };
}

async function tryGroup<T>(
  group: readonly T[],
  attempt: IsolationOptions<T>['attempt'],
  confirm: IsolationOptions<T>['confirm'],
): Promise<Trial> {
  const trial = await attempt(group);
  const [only, ...more] = group;
  if (trial.kind !== 'refused' || only === undefined || more.length > 0) return trial;
  return confirm(only, trial.error);
}

function groupsOf<T>(suspects: readonly T[], size: number): (readonly T[])[] {
  const groups: (readonly T[])[] = [];
  for (let from = 0; from < suspects.length; from += size) groups.push(suspects.slice(from, from + size));
  return groups;
}

function halvesOf<T>(group: readonly T[]): readonly (readonly T[])[] {
  const half = group.length >> 1;
  return [group.slice(half), group.slice(0, half)];
}
