/** The table as the kernel holds it. */
import type { BaseChain } from '@signalbox/netlink';

export interface ObservedChain {
  readonly base?: BaseChain;
  /** One text for each rule; equal texts mean equal rules. */
  readonly rules: readonly string[];
}

/** What tells, at a cost that does not depend on the number of services, whether another process wrote to the table. */
export interface Structure {
  /** Generation of the kernel's rule set at which this was read. */
  readonly generation: number;
  /** Identities of chains and rules in their order: of the table's own objects, not of their content. */
  readonly identity: string;
  /** Number of elements by set, where the kernel counts them (Linux 6.17). */
  readonly counts: ReadonlyMap<string, number>;
}

export interface Observed extends Structure {
  readonly exists: boolean;
  readonly chains: ReadonlyMap<string, ObservedChain>;
  /** Signature by name: equal signatures mean equal declarations. */
  readonly sets: ReadonlyMap<string, string>;
  /** Set → key → data, of the sets that were asked for. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
}
