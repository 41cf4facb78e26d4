/** The desired state of one family, folded from its changes, with what a failed sync still owes the kernel. Pure. */
import type {
  ChangeSet,
  DesiredChange,
  DesiredCounts,
  DesiredHealthCheck,
  DesiredNode,
  DesiredServicePort,
} from '@signalbox/core';
import { createFoldedSet, type FoldedSet, type Keyed } from './folded-set.ts';

/** What every backend keeps of the changes that it was given. */
export interface DesiredView {
  /** `null` before the first change. */
  readonly node: DesiredNode | null;
  readonly counts: DesiredCounts | null;
  readonly servicePorts: ReadonlyMap<string, DesiredServicePort>;
  readonly healthChecks: ReadonlyMap<string, DesiredHealthCheck>;
  /** Folds a change in, whatever becomes of the sync that brought it. */
  apply(change: DesiredChange): void;
  /**
   * One change from the state at the last `settle` to the present one, each object once and in its final form; a full
   * one if a full change is among those since. `null` before the first change.
   */
  owed(): DesiredChange | null;
  /** The present state as one full change. `null` before the first change. */
  full(): DesiredChange | null;
  /** The kernel holds the present state but for what the backend reports as failed. */
  settle(): void;
}

/** A view before the first change. */
export function createDesiredView(): DesiredView {
  const servicePorts = createFoldedSet<DesiredServicePort>();
  const healthChecks = createFoldedSet<DesiredHealthCheck>();
  let last: DesiredChange | null = null;
  let owes = { all: true, node: true };
  return {
    get node() {
      return last?.node ?? null;
    },
    get counts() {
      return last?.counts ?? null;
    },
    servicePorts: servicePorts.all,
    healthChecks: healthChecks.all,
    apply(change) {
      const isFull = change.kind === 'full';
      if (isFull) for (const set of [servicePorts, healthChecks]) set.clear();
      owes = { all: owes.all || isFull, node: owes.node || change.nodeChanged };
      servicePorts.apply(change.servicePorts);
      healthChecks.apply(change.healthChecks);
      last = change;
    },
    owed() {
      if (last === null) return null;
      return {
        ...last,
        kind: owes.all ? 'full' : 'incremental',
        nodeChanged: owes.all || owes.node,
        servicePorts: owes.all ? asAdded(servicePorts) : servicePorts.owed(),
        healthChecks: owes.all ? asAdded(healthChecks) : healthChecks.owed(),
      };
    },
    full: () => (last === null ? null : asFull(last, servicePorts.all, healthChecks.all)),
    settle() {
      owes = { all: false, node: false };
      servicePorts.settle();
      healthChecks.settle();
    },
  };
}

function asAdded<T extends Keyed>({ all }: Pick<FoldedSet<T>, 'all'>): ChangeSet<T> {
  return { added: [...all.values()], changed: [], removed: [] };
}

/** A full change to the state that these objects make, and the node of the last change. */
export function asFull(
  last: DesiredChange,
  servicePorts: ReadonlyMap<string, DesiredServicePort>,
  healthChecks: ReadonlyMap<string, DesiredHealthCheck>,
): DesiredChange {
  return {
    ...last,
    kind: 'full',
    nodeChanged: true,
    servicePorts: asAdded({ all: servicePorts }),
    healthChecks: asAdded({ all: healthChecks }),
  };
}
