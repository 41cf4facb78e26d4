/**
 * A tree of chains that leads from a packet's destination to its service through few rules, whatever the number of
 * services: a path-compressed radix tree with sixteen branches a level.
 *
 * The chains depend on the set of entries only: after a restart the same set gives the same chains, so that none need be
 * rewritten. A change touches only the chains on the path to the changed key.
 * Reasons and numbers: decisions/0005-dispatch-tree.md.
 */
import type { Family } from '@signalbox/core';
import { type Chain, goTo, jump, rule, type TableName, type TypedRule } from '@signalbox/iptables';
import { branchChain } from './names.ts';
import { keyLength, prefixQuestion, type DispatchBy } from './dispatch-key.ts';
import { comment } from './frontend-match.ts';
import { createSortedEntries, type DispatchEntry, type SortedEntries } from './sorted-entries.ts';

/** The maximum number of entries that a chain lists one after the other. */
export const LEAF_SIZE = 32;
/** A branch with at most this number of entries gets no chain of its own. */
export const INLINE_SIZE = 4;

export interface TreePlace {
  readonly table: TableName;
  readonly root: string;
  readonly by: DispatchBy;
  readonly family: Family;
}

/** A chain with its distance from the root in key digits: deeper ones are written first. */
interface TreeChain {
  readonly chain: Chain;
  readonly depth: number;
}

export interface TreeUpdate {
  /** Deepest first, the root last; includes chains that may be unchanged. */
  readonly chains: readonly TreeChain[];
  /** Chains that are no longer part of the tree. */
  readonly removed: readonly string[];
}

export interface DispatchTree {
  readonly place: TreePlace;
  /** Replaces the entries of this owner in the tree. */
  set(owner: string, entries: readonly DispatchEntry[]): void;
  /** Rules that follow all entries in the root. */
  setTail(rules: readonly TypedRule[]): void;
  /** The chains that the calls since the last `update` affect. Empty if there were none. */
  update(): TreeUpdate;
  /** All chains, compiled anew. */
  rebuild(): TreeUpdate;
  /** Name of the chain that has the rules of this key, if it is in the tree. */
  chainOf(key: string): string;
  readonly size: number;
}

interface Range {
  readonly prefix: string;
  readonly from: number;
  readonly to: number;
}

export function createDispatchTree(place: TreePlace): DispatchTree {
  const entries = createSortedEntries();
  /** Chains of the tree by prefix, each with the prefixes of its branches. */
  let known = new Map<string, readonly string[]>();
  let tail: readonly TypedRule[] = [];
  let tailChanged = false;

  const rootRange = (): Range => ({ prefix: '', from: 0, to: entries.size });
  return {
    place,
    set: (owner, list) => entries.set(owner, list),
    setTail(rules) {
      tail = rules;
      tailChanged = true;
    },
    update() {
      const dirty = entries.apply();
      if (dirty.length === 0 && !tailChanged && known.size > 0) return { chains: [], removed: [] };
      tailChanged = false;
      const found = { chains: [], kept: new Set<string>(), lost: new Set<string>() };
      const walk: Walk = { place, entries, known, dirty, tail, ...found };
      visit(walk, rootRange());
      return { chains: walk.chains, removed: prune(walk) };
    },
    rebuild() {
      known = new Map();
      return this.update();
    },
    chainOf(key) {
      let prefix = key;
      while (prefix !== '' && !known.has(prefix)) prefix = prefix.slice(0, -1);
      return nameOf({ place }, prefix);
    },
    get size() {
      return entries.size;
    },
  };
}

interface Walk {
  readonly place: TreePlace;
  readonly entries: SortedEntries;
  /** Chains of the tree by prefix, each with the prefixes of its branches. Updated by the walk. */
  readonly known: Map<string, readonly string[]>;
  /** Sorted. */
  readonly dirty: readonly string[];
  readonly tail: readonly TypedRule[];
  /** The results of the walk: chains to write, chains that stay, and branches that chains had before. */
  readonly chains: TreeChain[];
  readonly kept: Set<string>;
  readonly lost: Set<string>;
}

function nameOf({ place }: Pick<Walk, 'place'>, prefix: string): string {
  return prefix === '' ? place.root : branchChain(place.by, place.root, prefix);
}

/** Descends to the changed keys, deepest chains first in `chains`. */
function visit(walk: Walk, range: Range): void {
  const { entries, known } = walk;
  const rules: TypedRule[] = [];
  const branches: string[] = [];
  walk.kept.add(range.prefix);
  for (const part of split(walk, range)) {
    const { prefix, from, to } = part;
    if (prefix === null) {
      for (let at = from; at < to; at++) rules.push(...entries.at(at).rules);
      continue;
    }
    rules.push(branchRule(walk, prefix, range));
    branches.push(prefix);
    walk.kept.add(prefix);
    const same = known.has(prefix) && !anyStartsWith(walk.dirty, prefix);
    if (!same) visit(walk, { prefix, from, to });
  }
  for (const before of known.get(range.prefix) ?? []) walk.lost.add(before);
  known.set(range.prefix, branches);
  if (range.prefix === '') rules.push(...walk.tail);
  const chain: Chain = { table: walk.place.table, name: nameOf(walk, range.prefix), rules };
  walk.chains.push({ chain, depth: range.prefix.length });
}

function branchRule(walk: Walk, prefix: string, { prefix: from }: Range): TypedRule {
  const { matches, words } = prefixQuestion(prefix, walk.place.by, walk.place.family);
  const name = nameOf(walk, prefix);
  // From the root by jump: packets that no rule of the branch matches continue to the tail. Lower chains have no tail.
  return rule([...matches, comment(`services in ${words}`)], from === '' ? jump(name) : goTo(name));
}

/** Removes chains that no chain leads to any more, and returns their names. */
function prune(walk: Walk): readonly string[] {
  const removed: string[] = [];
  const drop = (prefix: string): void => {
    const branches = walk.known.get(prefix);
    if (walk.kept.has(prefix) || branches === undefined) return;
    walk.known.delete(prefix);
    removed.push(nameOf(walk, prefix));
    branches.forEach(drop);
  };
  walk.lost.forEach(drop);
  return removed;
}

/** A range of entries: with `prefix` it gets a chain of its own, with `null` it is part of the parent's chain. */
interface Part {
  readonly prefix: string | null;
  readonly from: number;
  readonly to: number;
}

function split({ entries, place }: Walk, { prefix, from, to }: Range): readonly Part[] {
  const limit = keyLength(place.by, place.family);
  if (to - from <= LEAF_SIZE || prefix.length >= limit) return [{ prefix: null, from, to }];
  const parts: Part[] = [];
  for (let start = from; start < to;) {
    const digit = entries.at(start).key.charAt(prefix.length);
    const end = entries.firstAbove(`${prefix}${digit}`, start, to);
    const common = commonPrefix(entries.at(start).key, entries.at(end - 1).key);
    // Entries with an identical key (two services with one address and port) cannot be separated.
    const own = end - start > INLINE_SIZE && common.length < limit;
    parts.push({ prefix: own ? common : null, from: start, to: end });
    start = end;
  }
  return parts;
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return a.slice(0, length);
}

function anyStartsWith(sorted: readonly string[], prefix: string): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < prefix) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.startsWith(prefix) === true;
}
