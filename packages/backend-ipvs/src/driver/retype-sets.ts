/** Replaces sets by ones of another type under the rules that refer to them; ipset swaps only sets of one type. */
import { backendError } from '@signalbox/core';
import type { Operation, RetypedSet, SetsRetype } from '../objects/operation.ts';
import type { OperationFailure } from './ipvs-driver.ts';

type Failures = readonly OperationFailure[];

export interface RetypeSteps {
  readonly run: (operation: Exclude<Operation, SetsRetype>) => Promise<Failures>;
  /** A moment, between two attempts to destroy a set. */
  readonly pause: () => Promise<void>;
}

/** nf_tables lets go of what a deleted rule referred to some time after the deletion: usually within 50 ms. */
const DESTROY_TRIES = 50;

/**
 * Failures of entries have their position over all sets, counted from 1; 0 is the whole. Where a set cannot be
 * destroyed, the rules go on reading the sets that stand in.
 */
export async function retypeSets(
  steps: RetypeSteps,
  { sets, detour, packetFilter }: SetsRetype,
): Promise<Failures> {
  const { run } = steps;
  for (const set of sets) {
    const failures = await makeDetour(steps, set);
    if (failures.length > 0) return failures;
  }
  const redirected = await run({ kind: 'packet-filter-install', packetFilter: detour });
  if (redirected.length > 0) return redirected;
  const refused: OperationFailure[] = [];
  let first = 1;
  for (const set of sets) {
    const { failures, isWhole } = await recreate(steps, set);
    if (!isWhole) return failures;
    for (const { error, index } of failures) refused.push({ error, index: first + index });
    first += set.entries.length;
  }
  const installed = await run({ kind: 'packet-filter-install', packetFilter });
  if (installed.length > 0) return installed;
  for (const set of sets) refused.push(...asWhole(await destroy(steps, set.detour)));
  return refused;
}

/** There may be one already, which rules read: then an earlier attempt ended half-way. What is refused is not in it. */
async function makeDetour({ run }: RetypeSteps, { set, detour, entries }: RetypedSet): Promise<Failures> {
  const standIn = { ...set, name: detour };
  const [refusal] = await run({ kind: 'set-create', set: standIn });
  if (refusal !== undefined && refusal.error.code !== 'exists') return asWhole([refusal]);
  const filled = await run(
    refusal === undefined
      ? { kind: 'set-add', set: detour, entries }
      : { kind: 'set-replace', set: standIn, entries },
  );
  return asWhole(filled.filter(({ error }) => error.code !== 'rejected'));
}

async function recreate(
  steps: RetypeSteps,
  { set, entries }: RetypedSet,
): Promise<{ readonly failures: Failures; readonly isWhole: boolean }> {
  const { run } = steps;
  const [kept] = await destroy(steps, set.name);
  if (kept !== undefined && kept.error.code !== 'not-found') {
    return { failures: [{ error: stillUsed(set.name, kept), index: 0 }], isWhole: false };
  }
  const created = await run({ kind: 'set-create', set });
  if (created.length > 0) return { failures: asWhole(created), isWhole: false };
  return { failures: await run({ kind: 'set-add', set: set.name, entries }), isWhole: true };
}

async function destroy({ run, pause }: RetypeSteps, set: string): Promise<Failures> {
  for (let tries = 1; ; tries += 1) {
    const failures = await run({ kind: 'set-destroy', set });
    if (failures[0]?.error.code !== 'busy' || tries === DESTROY_TRIES) return failures;
    await pause();
  }
}

function stillUsed(name: string, { error }: OperationFailure) {
  if (error.code !== 'busy') return error;
  const message = `set ${name} has another type than Signalbox needs, and a rule that Signalbox does not own refers to it: remove that rule`;
  return backendError(error.code, error.operation, message, { kernel: 'unchanged' });
}

function asWhole(failures: Failures): Failures {
  return failures.slice(0, 1).map(({ error }) => ({ error, index: 0 }));
}
