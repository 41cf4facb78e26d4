import type { Family } from '@signalbox/core';
import type { SetId } from '../compile/names.ts';
import type { TerminatingServers } from './graceful-termination.ts';
import type { EntryStep } from './plan-sets.ts';
import type { WantedState } from './wanted-state.ts';

export interface PlanInput {
  readonly family: Family;
  readonly wanted: WantedState;
  readonly terminating: TerminatingServers;
  readonly excludeCIDRs: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The set of bound addresses follows from the addresses; all others have entries of their own. */
export function addressStep(owner: string, address: string): EntryStep {
  return { owner, placed: { set: 'IPVS-IPS', entry: { kind: 'address', address } } };
}

/** How many entries each set will hold. */
export function counter(wanted: WantedState): (set: SetId) => number {
  return (set) => (set === 'IPVS-IPS' ? wanted.addresses.size : wanted.count(set));
}

/** What each set should hold; grouped once, at the first call. */
export function contents(wanted: WantedState): (set: SetId) => readonly EntryStep[] {
  const groups = new Map<SetId, EntryStep[]>();
  const collect = (): void => {
    for (const key of wanted.entries.keys()) {
      const placed = wanted.entries.get(key);
      if (placed !== undefined)
        groupOf(groups, placed.set).push({ owner: wanted.entries.ownerOf(key), placed });
    }
    const bound = groupOf(groups, 'IPVS-IPS');
    for (const address of boundAddresses(wanted))
      bound.push(addressStep(wanted.addresses.ownerOf(address), address));
  };
  return (set) => {
    if (groups.size === 0) collect();
    return groups.get(set) ?? [];
  };
}

/** Service addresses that belong on the device of Signalbox. */
export function* boundAddresses(wanted: WantedState): Generator<string> {
  for (const address of wanted.addresses.keys()) {
    if (!wanted.isBoundElsewhere(address)) yield address;
  }
}

function groupOf(groups: Map<SetId, EntryStep[]>, set: SetId): EntryStep[] {
  const group = groups.get(set) ?? [];
  groups.set(set, group);
  return group;
}
