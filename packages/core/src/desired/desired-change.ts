import type { Family } from '../model/family.ts';
import type {
  DesiredCounts,
  DesiredHealthCheck,
  DesiredNode,
  DesiredServicePort,
  DesiredState,
} from './desired-state.ts';

/** One object whose value differs: as it was, and as it is now. */
export interface Changed<T> {
  readonly before: T;
  readonly after: T;
}

/** What differs between two states, keyed by identity. `before` and `after` differ in value, never only in identity. */
export interface ChangeSet<T> {
  readonly added: readonly T[];
  readonly changed: readonly Changed<T>[];
  readonly removed: readonly T[];
}

/**
 * The step from the state that the backend last received to the state that it should program now.
 *
 * `full`: discard every earlier change; `added` has all service ports, `changed` and `removed` are empty, and
 * every other owned object in the kernel is stale. The first change is always full.
 * `incremental`: everything not named stays as it is. May be empty: a call to `sync` with an empty change
 * retries what failed and repairs drift.
 */
export interface DesiredChange {
  readonly kind: 'full' | 'incremental';
  readonly family: Family;
  readonly node: DesiredNode;
  /** `node` differs from that of the previous change; true in a full change. */
  readonly nodeChanged: boolean;
  readonly servicePorts: ChangeSet<DesiredServicePort>;
  readonly healthChecks: ChangeSet<DesiredHealthCheck>;
  /** Totals of the state after the change. */
  readonly counts: DesiredCounts;
}

/** The change that establishes `state` from nothing. For tools that make states by hand, and for restarts. */
export function fullChange(state: DesiredState): DesiredChange {
  return {
    kind: 'full',
    family: state.family,
    node: state.node,
    nodeChanged: true,
    servicePorts: { added: [...state.servicePorts.values()], changed: [], removed: [] },
    healthChecks: { added: [...state.healthChecks.values()], changed: [], removed: [] },
    counts: state.counts,
  };
}

/** Nothing changed: a sync then retries what failed and repairs what another process changed. */
export function isEmptyChange({ kind, servicePorts, healthChecks, nodeChanged }: DesiredChange): boolean {
  return (
    kind === 'incremental' && isEmptyChangeSet(servicePorts) && isEmptyChangeSet(healthChecks) && !nodeChanged
  );
}

/** Whether nothing was added, changed or removed. */
export function isEmptyChangeSet(set: ChangeSet<unknown>): boolean {
  return set.added.length === 0 && set.changed.length === 0 && set.removed.length === 0;
}
