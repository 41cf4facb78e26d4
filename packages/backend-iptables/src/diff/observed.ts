import type { Family } from '@signalbox/core';
import {
  canonicalText,
  type Chain,
  digestOf,
  type EncodedChain,
  encodeRule,
  type ListedTable,
  type TableName,
} from '@signalbox/iptables';
import type { HeldChain } from './rule-ledger.ts';

/** What the kernel holds, split by whose it is. */
export interface Observed {
  /** Our chains: text of their rules as listed. Whoever has dealt with one takes it out, and its memory with it. */
  readonly own: Map<string, readonly string[]>;
  /** Chains of others and the kernel's hooks. */
  readonly foreign: ReadonlyMap<string, readonly string[]>;
  /** Our chains that rules of others jump to: they cannot be removed. */
  readonly referenced: ReadonlySet<string>;
}

export type IsOwn = (table: TableName, name: string) => boolean;
export type IsOwnRule = (table: TableName, chain: string, text: string) => boolean;

/** `isOwnRule`: rules in chains of others that are ours, and do not count as references. */
export function observe(listed: ListedTable, isOwn: IsOwn, isOwnRule: IsOwnRule): Observed {
  const own = new Map<string, readonly string[]>();
  const foreign = new Map<string, readonly string[]>();
  const referenced = new Set<string>();
  for (const [name, rules] of listed.chains) {
    if (isOwn(listed.table, name)) {
      own.set(name, rules);
      continue;
    }
    foreign.set(name, rules);
    for (const text of rules) {
      const target = targetChain(text);
      if (target !== null && isOwn(listed.table, target) && !isOwnRule(listed.table, name, text)) {
        referenced.add(target);
      }
    }
  }
  return { own, foreign, referenced };
}

export function targetChain(text: string): string | null {
  return /(?:^| )-[jg] (\S+)/.exec(text)?.[1] ?? null;
}

/** Whether the listed rules mean what is wanted: word for word, or in our words after all. */
export function isSame(wanted: EncodedChain, listed: readonly string[], family: Family): boolean {
  if (wanted.rules.length !== listed.length) return false;
  if (wanted.rules.every((rule, index) => rule === listed[index])) return true;
  return digestOf(listed.map((text) => canonicalText(text, family))) === wanted.digest;
}

/** Whether the listed rules are those that the ledger records: word for word, or with the same meaning. */
export function hasRules(
  { digest, listed: other }: HeldChain,
  listed: readonly string[],
  family: Family,
): boolean {
  const found = digestOf(listed);
  if (found === digest || found === other) return true;
  return digestOf(listed.map((text) => canonicalText(text, family))) === digest;
}

/** The listed rules without the one at the head that may be there or not. */
export function withoutTolerated(
  { tolerated }: Chain,
  listed: readonly string[],
  family: Family,
): readonly string[] {
  const [head, ...others] = listed;
  if (tolerated === undefined || head === undefined) return listed;
  return includesRule([head], encodeRule(tolerated, family), family) ? others : listed;
}

/** Whether a rule of this meaning is among those listed. */
export function includesRule(listed: readonly string[], wanted: string, family: Family): boolean {
  return listed.some((text) => text === wanted || canonicalText(text, family) === wanted);
}
