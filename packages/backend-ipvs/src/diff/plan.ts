/**
 * The order of a sync. No packet may meet a half-made service, nor one that the rules no longer guard:
 *
 * 1. device and sets; entries, those that forbid first; the rules that read them;
 * 2. virtual servers, which reject as long as they are empty; then real servers, new ones before the old ones
 *    retire; while endpoints of other nodes are among them, connections are masqueraded, or the answers would not
 *    come back;
 * 3. addresses, which expose all that; the rest of the rules, where those of iptables mode have served until now; then
 *    addresses that are no longer desired;
 * 4. entries that made a port known: what is left of it is rejected from here on;
 * 5. virtual servers that are no longer desired, and last the entries that guarded them.
 */
import type { Operation } from '../objects/operation.ts';

export interface PlannedOperation {
  readonly operation: Operation;
  /** Whose object it is: one name, or one for each entry of a set operation. */
  readonly owners: readonly string[];
  /** A deletion of what may be gone already. */
  readonly mayBeGone?: true;
}

const PHASES = [
  'device',
  'sets',
  'entries-added',
  'packet-filter',
  'sets-obsolete',
  'entries-widening',
  'servers',
  'reals',
  'reals-retired',
  'entries-narrowing',
  'addresses-added',
  'packet-filter-rest',
  'addresses-deleted',
  'entries-closed',
  'servers-deleted',
  'entries-deleted',
] as const;
export type Phase = (typeof PHASES)[number];

export interface Plan {
  readonly isEmpty: boolean;
  add(phase: Phase, operation: Operation, owner: string): void;
  /** Deletes what may be gone already. */
  addPrecaution(phase: Phase, operation: Operation, owner: string): void;
  addAll(phase: Phase, operation: Operation, owners: readonly string[]): void;
  operations(): readonly PlannedOperation[];
}

export function createPlan(): Plan {
  const phases = new Map<Phase, PlannedOperation[]>(PHASES.map((phase) => [phase, []]));
  const push = (phase: Phase, planned: PlannedOperation): void => void phases.get(phase)?.push(planned);
  return {
    get isEmpty() {
      return [...phases.values()].every((operations) => operations.length === 0);
    },
    add: (phase, operation, owner) => push(phase, { operation, owners: [owner] }),
    addPrecaution: (phase, operation, owner) => push(phase, { operation, owners: [owner], mayBeGone: true }),
    addAll: (phase, operation, owners) => push(phase, { operation, owners }),
    operations: () => PHASES.flatMap((phase) => phases.get(phase) ?? []),
  };
}
