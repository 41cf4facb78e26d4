import path from 'node:path';
import type { Family } from '@signalbox/core';
import { createRemote } from '@signalbox/netns/remote';
import type { NftablesDriver } from '../driver/nftables-driver.ts';

export interface NamespacedDriverOptions {
  readonly family: Family;
  /** The command line that runs what follows it in the namespace: `['ip', 'netns', 'exec', 'node']`. */
  readonly prefix: readonly string[];
}

const CHILD = path.join(import.meta.dirname, 'driver-child.ts');

/** The netlink driver in another network namespace; its process starts at the first call. */
export function createNamespacedDriver({ family, prefix }: NamespacedDriverOptions): NftablesDriver {
  const remote = createRemote<NftablesDriver>({ prefix, script: CHILD, args: [family] });
  return {
    family,
    probe: remote.method('probe'),
    generation: remote.method('generation'),
    structure: remote.method('structure'),
    observe: remote.method('observe'),
    commit: remote.method('commit'),
    trial: remote.method('trial'),
    deleteTable: remote.method('deleteTable'),
    close: () => remote.close(),
  };
}
