import path from 'node:path';
import type { Family } from '@signalbox/core';
import { createRemote } from '@signalbox/netns/remote';
import type { UserspaceDriver } from '../driver/userspace-driver.ts';

const CHILD = path.join(import.meta.dirname, 'driver-child.ts');

export interface NamespacedDriverOptions {
  readonly family: Family;
  /** The command that runs its arguments in the namespace: `['ip', 'netns', 'exec', 'node']`. */
  readonly prefix: readonly string[];
  /** Milliseconds. */
  readonly drainTimeout?: number;
}

/** The system driver in another network namespace; its process starts at the first call. */
export function createNamespacedDriver(options: NamespacedDriverOptions): UserspaceDriver {
  const { family, prefix, drainTimeout = 0 } = options;
  const remote = createRemote<UserspaceDriver>({ prefix, script: CHILD, args: [family, `${drainTimeout}`] });
  return {
    family,
    observe: remote.method('observe'),
    apply: remote.method('apply'),
    counts: remote.method('counts'),
    connections: remote.method('connections'),
    limits: remote.method('limits'),
    async close() {
      // Its sockets are closed when this resolves.
      await remote.method('close')();
      remote.close();
    },
  };
}
