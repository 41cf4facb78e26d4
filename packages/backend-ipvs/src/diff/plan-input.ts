import type { Family } from '@signalbox/core';
import type { SetId } from '../compile/names.ts';
import type { TerminatingServers } from './graceful-termination.ts';
import type { EntryStep } from './plan-sets.ts';
import type { DesiredObjects } from './desired-objects.ts';

export interface PlanInput {
  readonly family: Family;
  readonly desired: DesiredObjects;
  readonly terminating: TerminatingServers;
  readonly excludeCIDRs: readonly string[];
  /** Milliseconds, by `Clock.elapsed`. */
  readonly now: number;
}

/** The set of bound addresses follows from the addresses; all others have entries of their own. */
export function addressStep(owner: string, address: string): EntryStep {
  return { owner, placed: { set: 'IPVS-IPS', entry: { kind: 'address', address } } };
}

/** How many entries each set will hold. */
export function counter(desired: DesiredObjects): (set: SetId) => number {
  return (set) => (set === 'IPVS-IPS' ? desired.addresses.size : desired.count(set));
}

/** What each set should hold; grouped once, at the first call. */
export function contents(desired: DesiredObjects): (set: SetId) => readonly EntryStep[] {
  const groups = new Map<SetId, EntryStep[]>();
  const collect = (): void => {
    for (const key of desired.entries.keys()) {
      const placed = desired.entries.get(key);
      if (placed !== undefined)
        groupOf(groups, placed.set).push({ owner: desired.entries.ownerOf(key), placed });
    }
    const bound = groupOf(groups, 'IPVS-IPS');
    for (const address of boundAddresses(desired))
      bound.push(addressStep(desired.addresses.ownerOf(address), address));
  };
  return (set) => {
    if (groups.size === 0) collect();
    return groups.get(set) ?? [];
  };
}

/** Service addresses that belong on the device of Signalbox. */
export function* boundAddresses(desired: DesiredObjects): Generator<string> {
  for (const address of desired.addresses.keys()) {
    if (!desired.isBoundElsewhere(address)) yield address;
  }
}

function groupOf(groups: Map<SetId, EntryStep[]>, set: SetId): EntryStep[] {
  const group = groups.get(set) ?? [];
  groups.set(set, group);
  return group;
}
