import type { DesiredNode, Family } from '@signalbox/core';

/** What some kernels lack; the mode works without. */
export interface Capabilities {
  /** Intervals in the last field of a concatenated key (Linux 5.6): without, each Service has a chain of its source ranges. */
  readonly concatenatedIntervals: boolean;
  /** A counter in each element of a map (Linux 5.7). */
  readonly elementCounters: boolean;
  /** Hashes of a packet's fields (module nft_hash): without, no Service is balanced by `maglev`. */
  readonly clientHash: boolean;
}

/** What rules depend on besides the services. */
export interface CompileContext {
  readonly family: Family;
  readonly node: DesiredNode;
  /** The bit of the packet mark that asks for masquerading, as a mask. */
  readonly mark: number;
  readonly capabilities: Capabilities;
  /** Slots of the tables of `maglev`. */
  readonly maglevSlots: number;
}
