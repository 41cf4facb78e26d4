import type { Family, Result } from '@signalbox/core';
import type { Capabilities } from '../compile/context.ts';
import type { IsExpected, Observed, Structure } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';
import type { OwnCommits } from './own-commits.ts';
import type { Declarations, Element, SetDeclaration } from '../objects/ruleset.ts';

/** nf_tables as far as this backend uses it. Calls return errors as values; none rejects. */
export interface NftablesDriver {
  readonly family: Family;
  /** What the kernel can do; an error names what the mode needs and the kernel has not. Nothing that it writes stays. */
  probe(): Promise<Result<Capabilities>>;
  /** As `NftablesClient.generation`: raised by each commit of any process. */
  generation(): Promise<Result<number>>;
  /** Costs the same whatever the number of services. */
  structure(): Promise<Result<Structure>>;
  /** Chains, rules and sets of the table, and the elements of these sets, all of one generation. By default no element is expected. */
  observe(sets: readonly SetDeclaration[], isExpected?: IsExpected): Promise<Result<Observed>>;
  /** The elements of these sets that are asked for, with their counters, where they have one. A set that does not exist has none. */
  readCounters(
    sets: readonly SetDeclaration[],
    isAskedFor: (set: string, key: string) => boolean,
  ): Promise<Result<readonly CountedElement[]>>;
  /** The operations in order, in as many batches as they need. */
  commit(work: Commit): Promise<Committed>;
  /** Whether the kernel accepts the operations, found out in a table that no packet meets and that is gone afterwards. */
  trial(work: Work): Promise<Result<null>>;
  /** With everything in it. The value: whether there was one. */
  deleteTable(): Promise<Result<boolean>>;
  /** Closes its sockets. */
  close(): void;
}

/** An element and the packets that it counted. */
export interface CountedElement extends Element {
  /** `null`: the kernel does not count in elements. */
  readonly packets: number | null;
}

/** Operations, and the declarations that they need to be encoded. */
export interface Work {
  readonly operations: readonly Operation[];
  /** For the types of elements. */
  readonly sets: Declarations;
}

/** Operations to write on top of a generation. */
export interface Commit extends Work {
  /** What it has to be: another process has then written nothing that the operations do not know of. */
  readonly generation: number;
  /** Of this process: they may come in between. The batches of this call are added. */
  readonly ownCommits: OwnCommits;
}

/** Outcome of a `commit`. */
export interface Committed {
  /**
   * `stale`: another process committed before the first batch or between two. Earlier batches are in the kernel, also where a
   * later one fails: then the error's `kernel` is `unknown`.
   */
  readonly result: Result<null> | 'stale';
  /** After the last batch that was taken. */
  readonly generation: number;
  /** Batches that the kernel accepted. */
  readonly batches: number;
}
