import type { Family } from '@signalbox/core';
import { setName, type SetId } from '../compile/names.ts';
import { ipSet, SET_IDS, type PlacedEntry } from '../compile/ip-sets.ts';
import { entryText, type IpSetEntry } from '../objects/ip-set.ts';
import type { ObservedSet } from '../objects/kernel-state.ts';
import type { Phase, Plan } from './plan.ts';

/**
 * What forbids comes before what permits; the conditions of the gate before the gate, the narrowest one first (see
 * compile/source-ranges.ts). Deletions are in the opposite order.
 */
const ADDING_ORDER: readonly SetId[] = [
  'EXTERNAL-IP-LOCAL',
  'LOAD-BALANCER-SOURCE-CIDR',
  'LOAD-BALANCER-SOURCE-IP',
  'LOAD-BALANCER-FW',
  ...SET_IDS.filter((id) => !/^(?:LOAD-BALANCER-(?:SOURCE|FW)|EXTERNAL-IP-LOCAL)/.test(id)),
];

/** Taking an entry out of these makes a bound address reject the port. */
const CLOSING: ReadonlySet<SetId> = new Set<SetId>(['CLUSTER-IP', 'EXTERNAL-IP', 'LOAD-BALANCER']);

/** Entries here keep the client's address: right only while all real servers are on this node. */
const NARROWING: ReadonlySet<SetId> = new Set<SetId>(SET_IDS.filter((id) => id.includes('-LOCAL')));

export interface EntryStep {
  readonly owner: string;
  readonly placed: PlacedEntry;
}

export interface SetPlanner {
  readonly plan: Plan;
  readonly family: Family;
  /** Entries that the set holds once the plan is done. */
  readonly count: (set: SetId) => number;
  /** How many entries it takes now; `undefined`: it is not there. */
  readonly space: (set: SetId) => number | undefined;
  /** All that it should hold. */
  readonly content: (set: SetId) => Iterable<EntryStep>;
}

export function planEntries(
  planner: SetPlanner,
  added: readonly EntryStep[],
  deleted: readonly EntryStep[],
): void {
  const isGuard = ({ placed }: EntryStep): boolean => placed.guards === true;
  const byAdded = groupBySet(added);
  const replaced = new Set<SetId>();
  for (const id of ADDING_ORDER) {
    const entries = byAdded.get(id);
    if (entries === undefined) continue;
    const space = planner.space(id);
    if (space !== undefined && planner.count(id) > space) {
      replaced.add(id);
      replaceSet(planner, id);
    } else {
      const phase = NARROWING.has(id) ? 'entries-narrowing' : 'entries-added';
      const [guards, others] = partition(entries, isGuard);
      addBatch(planner, { phase: 'entries-added', kind: 'set-add', id, entries: guards });
      addBatch(planner, { phase, kind: 'set-add', id, entries: others });
    }
  }
  const byDeleted = groupBySet(deleted);
  for (const id of ADDING_ORDER.toReversed()) {
    const entries = byDeleted.get(id);
    if (entries === undefined || replaced.has(id)) continue;
    const [guards, others] = partition(entries, isGuard);
    addBatch(planner, { phase: 'entries-deleted', kind: 'set-delete', id, entries: guards });
    addBatch(planner, { phase: deletingPhase(id), kind: 'set-delete', id, entries: others });
  }
}

function deletingPhase(id: SetId): Phase {
  if (NARROWING.has(id)) return 'entries-widening';
  return CLOSING.has(id) ? 'entries-closed' : 'entries-deleted';
}

export function isNarrowing(id: SetId): boolean {
  return NARROWING.has(id);
}

/** Makes what is missing. */
export function planSets(planner: SetPlanner, observed: ReadonlyMap<string, ObservedSet>): void {
  for (const id of SET_IDS) {
    const set = ipSet(planner.family, id, planner.count(id));
    if (!observed.has(set.name)) planner.plan.add('sets', { kind: 'set-create', set }, set.name);
  }
}

/** Entries of `held` that should not be there, and desired ones that are missing. */
export function compareEntries(
  planner: SetPlanner,
  observed: ReadonlyMap<string, ObservedSet>,
): { readonly added: readonly EntryStep[]; readonly deleted: readonly EntryStep[] } {
  const added: EntryStep[] = [];
  const deleted: EntryStep[] = [];
  const gate = observed.get(setName(planner.family, 'LOAD-BALANCER-FW'))?.entries;
  for (const id of SET_IDS) {
    const name = setName(planner.family, id);
    const stale = new Map(observed.get(name)?.entries);
    for (const step of planner.content(id)) {
      if (!stale.delete(entryText(step.placed.entry))) added.push(step);
    }
    for (const [key, entry] of stale) {
      const guards = id === 'EXTERNAL-IP-LOCAL' && gate?.has(key) === true;
      const placed: PlacedEntry = { set: id, entry };
      deleted.push({ owner: name, placed: guards ? { ...placed, guards } : placed });
    }
  }
  return { added, deleted };
}

function replaceSet({ plan, family, count, content }: SetPlanner, id: SetId): void {
  const steps = [...content(id)];
  const entries = steps.map(({ placed }) => placed.entry);
  plan.addAll(
    'entries-added',
    { kind: 'set-replace', set: ipSet(family, id, count(id)), entries },
    steps.map(({ owner }) => owner),
  );
}

interface Batch {
  readonly phase: Phase;
  readonly kind: 'set-add' | 'set-delete';
  readonly id: SetId;
  readonly entries: readonly EntryStep[];
}

function addBatch({ plan, family }: SetPlanner, { phase, kind, id, entries: steps }: Batch): void {
  if (steps.length === 0) return;
  const entries: IpSetEntry[] = steps.map(({ placed }) => placed.entry);
  plan.addAll(
    phase,
    { kind, set: setName(family, id), entries },
    steps.map(({ owner }) => owner),
  );
}

function partition<T>(
  items: readonly T[],
  test: (item: T) => boolean,
): readonly [readonly T[], readonly T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function groupBySet(steps: readonly EntryStep[]): ReadonlyMap<SetId, readonly EntryStep[]> {
  const groups = new Map<SetId, EntryStep[]>();
  for (const step of steps) {
    const group = groups.get(step.placed.set);
    if (group === undefined) groups.set(step.placed.set, [step]);
    else group.push(step);
  }
  return groups;
}
