/**
 * Whether the proxy is healthy, as kube-proxy defines it (F113-F115), and whether it is ready: see /readyz.
 * Values only; the HTTP side is in health-server.ts.
 */
import { FAMILIES, type Clock, type Family } from '@signalbox/core';

interface FamilyHealth {
  /** Epoch milliseconds of the last sync; `null` before the loop runs. */
  readonly lastUpdated: number | null;
  readonly healthy: boolean;
}

export interface Health {
  /** Every family keeps up. */
  readonly healthy: boolean;
  readonly nodeEligible: boolean;
  /** Of all families; `null` before the first. */
  readonly lastUpdated: number | null;
  readonly status: Readonly<Partial<Record<Family, FamilyHealth>>>;
}

export interface HealthState {
  /** A change waits; the oldest counts. */
  queued(family: Family): void;
  /** The family's loop begins: its first sync is pending, and changes that came before it still are. */
  started(family: Family): void;
  /** The family's rules are as they should be. */
  updated(family: Family): void;
  /** The first sync of the family has been seen in the kernel. */
  verified(family: Family): void;
  setNodeEligible(value: 'eligible' | 'not-eligible'): void;
  health(): Health;
  /** Families still waited for; none: ready. */
  notReady(): readonly Family[];
}

export interface HealthStateOptions {
  readonly clock: Clock;
  readonly families: readonly Family[];
  /** Milliseconds: a change may wait for twice this long. */
  readonly syncPeriod: () => number;
}

interface Entry {
  lastUpdated: number | null;
  oldestPending: number | null;
  verified: boolean;
}

export function createHealthState({ clock, families, syncPeriod }: HealthStateOptions): HealthState {
  const entries = new Map<Family, Entry>(
    families.map((family) => [family, { lastUpdated: null, oldestPending: null, verified: false }]),
  );
  const update = (family: Family, step: (entry: Entry) => void): void => {
    const entry = entries.get(family);
    if (entry !== undefined) step(entry);
  };
  let eligible = false;
  return {
    queued: (family) => update(family, (entry) => (entry.oldestPending ??= clock.now())),
    started: (family) =>
      update(family, (entry) => {
        entry.oldestPending ??= clock.now();
        entry.lastUpdated = clock.now();
      }),
    updated: (family) =>
      update(family, (entry) => {
        entry.oldestPending = null;
        entry.lastUpdated = clock.now();
      }),
    verified: (family) => update(family, (entry) => (entry.verified = true)),
    setNodeEligible: (value) => {
      eligible = value === 'eligible';
    },
    health: () => summarize(entries, { nodeEligible: eligible, late: clock.now() - 2 * syncPeriod() }),
    notReady: () => [...entries].flatMap(([family, { verified }]) => (verified ? [] : [family])),
  };
}

interface Moment {
  readonly nodeEligible: boolean;
  /** Epoch milliseconds: what has waited since then waits too long. */
  readonly late: number;
}

function summarize(entries: ReadonlyMap<Family, Entry>, { nodeEligible, late }: Moment): Health {
  const known = FAMILIES.flatMap((family) => {
    const { lastUpdated = null, oldestPending = null } = entries.get(family) ?? {};
    if (lastUpdated === null) return [];
    const healthy = oldestPending === null || oldestPending > late;
    return [[family, { lastUpdated, healthy }] as const];
  });
  return {
    healthy: known.every(([, { healthy }]) => healthy),
    nodeEligible,
    lastUpdated: known.length === 0 ? null : Math.max(...known.map(([, { lastUpdated }]) => lastUpdated)),
    status: Object.fromEntries(known),
  };
}
