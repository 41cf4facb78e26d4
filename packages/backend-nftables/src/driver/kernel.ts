/** The kernel behind a client, for the parts of the driver. */
import type { Family } from '@signalbox/core';
import type { NftablesClient } from '@signalbox/netlink';

/** A client, and the address family of the table that is read or written through it. */
export interface Kernel {
  readonly family: Family;
  readonly client: NftablesClient;
}

/** Exists within a batch only. */
export const TRIAL_TABLE = 'signalbox-trial';
