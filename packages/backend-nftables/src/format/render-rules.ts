/** A dry run: the table of a state, without a kernel. Pure. */
import { checkedChange, type DesiredState, type Result, succeed } from '@signalbox/core';
import { BALANCING } from '../compile/load-balancing.ts';
import { createDesiredObjects, type DesiredObjects } from '../diff/desired-objects.ts';
import { maglevSlotsOf, markOf, type NftablesOptions } from '../options.ts';
import { formatTable } from './table-text.ts';

/** As on Linux 5.7 and newer. */
const CAPABILITIES = { concatenatedIntervals: true, elementCounters: true, clientHash: true };

/**
 * The table that a sync creates, in the syntax of `nft -f`. Fails, with the field, if a service port violates the contract of
 * `DesiredState`.
 */
export function renderRules(
  state: DesiredState,
  options: Pick<NftablesOptions, 'masqueradeBit' | 'maglevSlots'> = {},
): Result<string> {
  const change = checkedChange(state, BALANCING);
  if (!change.ok) return change;
  const { family } = state;
  const desired = createDesiredObjects({
    family,
    mark: markOf(options),
    maglevSlots: maglevSlotsOf(options),
    capabilities: CAPABILITIES,
  });
  desired.apply(change.value);
  const chains = [...desired.chains.entries()].map(([, { chain }]) => chain);
  const elements = elementsBySet(desired);
  const sets = [...desired.sets.entries()].map(([name, declaration]) => ({
    declaration,
    elements: elements.get(name) ?? NO_ELEMENTS,
  }));
  return succeed(
    formatTable(
      {
        sets: sorted(sets, ({ declaration }) => declaration.name),
        chains: sorted(chains, (each) => each.name),
      },
      family,
    ),
  );
}

type Elements = ReadonlyMap<string, string>;

const NO_ELEMENTS: Elements = new Map();

function elementsBySet(desired: DesiredObjects): ReadonlyMap<string, Elements> {
  const bySet = new Map<string, Map<string, string>>();
  const put = (set: string, key: string, data: string): void => {
    const elements = bySet.get(set) ?? new Map<string, string>();
    bySet.set(set, elements.set(key, data));
  };
  for (const [, { set, key, data }] of desired.elements.entries()) put(set, key, data);
  for (const [, { map, frontend, endpoints }] of desired.groups.entries()) {
    endpoints.forEach((endpoint, slot) => put(map, `${frontend} . ${slot}`, endpoint));
  }
  return bySet;
}

function sorted<T>(all: readonly T[], nameOf: (each: T) => string): readonly T[] {
  return all.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}
