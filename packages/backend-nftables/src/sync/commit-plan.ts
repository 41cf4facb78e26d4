/** Commits a plan on top of the generation that is known, and finds out what another process wrote in between. */
import type { SyncReport } from '@signalbox/backend-kit';
import type { BackendError } from '@signalbox/core';
import type { Plan } from '../diff/plan.ts';
import type { DesiredObjects } from '../diff/desired-objects.ts';
import type { Committed, NftablesDriver } from '../driver/nftables-driver.ts';
import { isSameStructure, type Structure } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';
import type { BackendState } from './backend-state.ts';

export interface CommitWork {
  readonly driver: NftablesDriver;
  readonly state: BackendState;
  readonly desired: DesiredObjects;
  readonly report: SyncReport;
}

export type Outcome =
  | { readonly kind: 'done'; readonly structure: Structure }
  /** The table differs from `structure`. Some batches may have been written. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'failed'; readonly error: BackendError };

export async function commitPlan(work: CommitWork, plan: Plan, structure: Structure): Promise<Outcome> {
  const operations = plan.operations();
  const written = await commitOn(work, operations, structure);
  if (written.kind !== 'done') return written;
  const removals = plan.removals();
  if (removals.length === 0) return written;
  const removed = await commitOn(work, removals, written.structure);
  if (removed.kind === 'failed') work.report.count('cleanupFailures', 1);
  if (removed.kind !== 'failed' || removed.error.code !== 'busy') return removed;
  // Still referred to by elements that are being freed: a later comparison deletes them.
  work.state.removalsOwed = true;
  return written;
}

/** Commits of other programs, iptables-nft among them, move the generation all the time: they are no reason to give up. */
const TRIES = 10;

async function commitOn(
  work: CommitWork,
  operations: readonly Operation[],
  known: Structure,
): Promise<Outcome> {
  if (operations.length === 0) return { kind: 'done', structure: known };
  const { sets } = work.desired;
  const { ownCommits } = work.state;
  let structure = known;
  for (let tries = 0; tries < TRIES; tries++) {
    const { generation } = structure;
    const committed = await work.driver.commit({ operations, generation, ownCommits, sets });
    count(work, operations, committed);
    if (committed.result !== 'stale') return settle(work, { operations, structure, committed });
    // What is left to write is for the comparison to find.
    if (committed.batches > 0) return { kind: 'changed' };
    const now = await work.driver.structure();
    if (!now.ok) return { kind: 'failed', error: now.error };
    if (!isSameStructure(now.value, structure)) return { kind: 'changed' };
    work.state.unverified = true;
    structure = now.value;
  }
  return { kind: 'changed' };
}

interface Settled {
  readonly operations: readonly Operation[];
  readonly structure: Structure;
  readonly committed: Committed;
}

async function settle(
  { driver, state }: CommitWork,
  { operations, structure, committed }: Settled,
): Promise<Outcome> {
  const { result, generation } = committed;
  if (result === 'stale') return { kind: 'changed' };
  if (!result.ok) return { kind: 'failed', error: result.error };
  if (operations.every(isElementOperation)) {
    return {
      kind: 'done',
      structure: { ...structure, generation, counts: countsAfter(structure, operations) },
    };
  }
  const after = await driver.structure();
  // What another process committed in between is in the structure, too.
  if (after.ok && after.value.generation !== state.ownCommits.latestSince(generation))
    state.unverified = true;
  return after.ok ? { kind: 'done', structure: after.value } : { kind: 'failed', error: after.error };
}

function isElementOperation({ kind }: Operation): boolean {
  return kind === 'add-elements' || kind === 'replace-elements' || kind === 'delete-elements';
}

function countsAfter({ counts }: Structure, operations: readonly Operation[]): ReadonlyMap<string, number> {
  const next = new Map(counts);
  for (const operation of operations) {
    if (operation.kind !== 'add-elements' && operation.kind !== 'delete-elements') continue;
    const before = next.get(operation.set);
    if (before === undefined) continue;
    const change = operation.kind === 'add-elements' ? operation.entries.length : -operation.keys.length;
    next.set(operation.set, before + change);
  }
  return next;
}

function count({ state, report }: CommitWork, operations: readonly Operation[], committed: Committed): void {
  state.commits += committed.batches;
  report.count('batches', committed.batches);
  if (committed.result === 'stale' || !committed.result.ok) return;
  for (const operation of operations) report.count(...counterOf(operation));
}

function counterOf(operation: Operation): readonly [string, number] {
  switch (operation.kind) {
    case 'add-elements':
      return ['elementsAdded', operation.entries.length];
    case 'replace-elements':
      return ['elementsReplaced', operation.entries.length];
    case 'delete-elements':
      return ['elementsDeleted', operation.keys.length];
    case 'write-rules':
    case 'recreate-chain':
      return ['chainsWritten', 1];
    case 'delete-chain':
      return ['chainsDeleted', 1];
    case 'add-table':
    case 'wake-table':
    case 'recreate-table':
    case 'add-set':
    case 'delete-set':
    case 'recreate-set':
    case 'add-chain':
    case 'flush-chain':
      return ['objectsChanged', 1];
  }
}
