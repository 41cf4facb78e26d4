/** Keeps the addresses of the node's interfaces in the model up to date with syncs. */
import { FAMILIES, type Clock, type Family, type InterfaceAddress, type Model } from '@signalbox/core';

export interface InterfaceRefreshOptions {
  readonly model: Pick<Model, 'setInterfaceAddresses' | 'hasPending'>;
  readonly clock: Clock;
  readonly read: () => readonly InterfaceAddress[];
  /** The addresses that this family depends on have changed, after the sync for which they were requested. */
  readonly onChanged: (family: Family) => void;
}

export interface InterfaceRefresh {
  /** Before each sync. */
  refresh(): void;
  stop(): void;
}

/**
 * Milliseconds. A node has an interface for each pod, and the kernel lists them all: 0.2 ms for a node without pods. Of syncs in
 * quick succession only the first reads them; once this time is over they are read again, so that no change is missed.
 */
export const INTERFACE_READ_INTERVAL = 1000;

export function createInterfaceRefresh(options: InterfaceRefreshOptions): InterfaceRefresh {
  const { model, clock, read, onChanged } = options;
  let readAt = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | null = null;
  const readNow = (): void => {
    readAt = clock.elapsed();
    model.setInterfaceAddresses(read());
  };
  const readAgain = (): void => {
    cancel = null;
    readNow();
    for (const family of FAMILIES) if (model.hasPending(family)) onChanged(family);
  };
  return {
    refresh() {
      const wait = readAt + INTERFACE_READ_INTERVAL - clock.elapsed();
      if (wait <= 0) readNow();
      else cancel ??= clock.schedule(wait, readAgain);
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}
