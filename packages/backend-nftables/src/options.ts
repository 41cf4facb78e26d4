import type { Clock, Family } from '@signalbox/core';
import { MAGLEV_SLOTS } from './compile/load-balancing.ts';
import type { OwnCommits } from './driver/own-commits.ts';
import type { NftablesDriver } from './driver/nftables-driver.ts';

/** Settings of the backend of one address family. All but `family` have defaults. */
export interface NftablesOptions {
  /** The IP family whose table the backend writes: one backend for each. */
  readonly family: Family;
  /** Bit of the packet mark that asks for masquerading, 0-31; 14 by default, as kube-proxy has it. */
  readonly masqueradeBit?: number;
  /** The kernel of this network namespace by default. */
  readonly driver?: NftablesDriver;
  /** A second one for verification, so that a listing of 100,000 elements delays no change; by default as `driver`. */
  readonly verifier?: NftablesDriver;
  /** Shared by the backends of both families of one network namespace: neither then looks for what the other committed. */
  readonly ownCommits?: OwnCommits;
  /** Slots of the tables of `maglev`, for each frontend; 16,381 by default. Of more, fewer clients change their endpoint in vain. */
  readonly maglevSlots?: MaglevSlots;
  /** For the polling of the generation; by default the system clock, with timers that do not keep the process alive. */
  readonly clock?: Clock;
  /** Milliseconds between two looks at the generation of the kernel's rule set; 250 by default. */
  readonly pollInterval?: number;
}

/** Primes. */
const MAGLEV_SIZES = [251, 1021, 4093, 16_381, 65_521] as const;
/** Sizes that a table of `maglev` can have. */
export type MaglevSlots = (typeof MAGLEV_SIZES)[number];

export function maglevSlotsOf({ maglevSlots = MAGLEV_SLOTS }: Pick<NftablesOptions, 'maglevSlots'>): number {
  if (MAGLEV_SIZES.includes(maglevSlots)) return maglevSlots;
  throw new RangeError(`maglevSlots: ${String(maglevSlots)} is not one of ${MAGLEV_SIZES.join(', ')}`);
}

/** The bit of the packet mark, as a mask. */
export function markOf({ masqueradeBit = 14 }: Pick<NftablesOptions, 'masqueradeBit'>): number {
  return (1 << masqueradeBit) >>> 0;
}
