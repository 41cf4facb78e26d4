/** The table as the kernel holds it. */
import type { BaseChain } from '@signalbox/netlink';

export interface ObservedChain {
  readonly base?: BaseChain;
  /** One text for each rule; equal texts mean equal rules. */
  readonly rules: readonly string[];
}

/** What shows, at a cost that does not depend on the number of Services, whether another process wrote to the table. */
export interface Structure {
  /** Generation of the kernel's rule set at which this was read. */
  readonly generation: number;
  /** Whether the table is dormant, and its chains, rules and sets: what differs wherever they do, but for elements. */
  readonly identity: string;
  /**
   * Number of elements by set, where the kernel counts them (Linux 6.17). Without the sets of affinity: packets add elements to
   * them and time takes them out, and there is one for each such service port, so that a copy would not be of constant size.
   */
  readonly counts: ReadonlyMap<string, number>;
}

/** Equal identities and counts: whatever another process committed was not in this table. */
export function isSameStructure(one: Structure, other: Structure): boolean {
  if (one.identity !== other.identity) return false;
  return [...one.counts].every(([set, value]) => other.counts.get(set) === value);
}

/** Packets add elements to the sets of affinity, and time takes them out. */
export function isDynamic(set: string): boolean {
  return set.startsWith('affinity-');
}

/** A set as it is declared in the kernel. */
export interface ObservedSet {
  /** Equal for declarations of which the kernel takes one for the other. */
  readonly signature: string;
  /** As `typeofSignature`: the form in which the declaration is listed. */
  readonly typeof: string;
}

export interface Observed extends Structure {
  /** `interrupted`: other processes committed while it was read. Their commits left the structure as it was. */
  readonly quality: 'consistent' | 'interrupted';
  readonly exists: boolean;
  /** `flags dormant`: no packet meets the table. */
  readonly dormant: boolean;
  readonly chains: ReadonlyMap<string, ObservedChain>;
  readonly sets: ReadonlyMap<string, ObservedSet>;
  readonly elements: ObservedElements;
}

export interface ObservedElements {
  /** Set → key → data, of the sets that were asked for; without those that are as expected. */
  readonly bySet: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Number of elements that are as expected. */
  readonly expected: number;
}

/** Whether an element is one that the table should have; such elements are counted only, which needs no memory. */
export type IsExpected = (set: string, key: string, data: string) => boolean;
