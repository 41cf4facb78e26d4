import path from 'node:path';
import type { Family } from '@signalbox/core';
import { createRemote } from '@signalbox/netns/remote';
import { siftElements } from './sift-elements.ts';
import type { RemoteNftables, RemoteWork } from './remote-nftables.ts';
import type { NftablesDriver, Work } from '../driver/nftables-driver.ts';

export interface NamespacedDriverOptions {
  readonly family: Family;
  /** The command line that runs what follows it in the namespace: `['ip', 'netns', 'exec', 'node']`. */
  readonly prefix: readonly string[];
}

const CHILD = path.join(import.meta.dirname, 'driver-child.ts');

/** The netlink driver in another network namespace; its process starts at the first call. */
export function createNamespacedDriver({ family, prefix }: NamespacedDriverOptions): NftablesDriver {
  const remote = createRemote<RemoteNftables>({ prefix, script: CHILD, args: [family] });
  return {
    family,
    probe: remote.method('probe'),
    generation: remote.method('generation'),
    structure: remote.method('structure'),
    observe: async (sets, isExpected = () => false) => {
      const observed = await remote.method('observe')(sets);
      if (!observed.ok) return observed;
      const elements = siftElements(observed.value.elements.bySet, isExpected);
      return { ok: true, value: { ...observed.value, elements } };
    },
    readCounters: async (sets, isAskedFor) => {
      const counted = await remote.method('readCounters')(sets);
      if (!counted.ok) return counted;
      return { ok: true, value: counted.value.filter(({ set, key }) => isAskedFor(set, key)) };
    },
    commit: async ({ ownCommits, ...work }) => {
      const committed = await remote.method('commit')({ ...work, ...sendable(work) });
      ownCommits.add(work.generation, committed.generation);
      return committed;
    },
    trial: (work) => remote.method('trial')(sendable(work)),
    deleteTable: remote.method('deleteTable'),
    close: () => remote.close(),
  };
}

/** A function cannot be sent: the declarations of the sets whose elements change are read before. */
function sendable({ operations, sets }: Work): RemoteWork {
  const names = operations.flatMap((each) =>
    'set' in each && typeof each.set === 'string' ? [each.set] : [],
  );
  const known = [...new Set(names)].flatMap((name) => {
    const declaration = sets.get(name);
    return declaration === undefined ? [] : [[name, declaration] as const];
  });
  return { operations, sets: new Map(known) };
}
