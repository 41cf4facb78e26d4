/** A dry run: the table of a state, without a kernel. Pure. */
import { checkedChange, type DesiredState, type Result, succeed } from '@signalbox/core';
import { createWantedState, type WantedState } from '../diff/wanted-state.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';
import { markOf, type NftablesOptions } from '../options.ts';
import { formatTable } from './table-text.ts';

/** As on Linux 5.7 and newer. */
const CAPABILITIES = { concatenatedIntervals: true, elementCounters: true };

/**
 * The table that a sync creates, in the syntax of `nft -f`. Fails, with the field, if a service port violates the contract of
 * `DesiredState`.
 */
export function renderRules(
  state: DesiredState,
  options: Pick<NftablesOptions, 'masqueradeBit'> = {},
): Result<string> {
  const change = checkedChange(state);
  if (!change.ok) return change;
  const { family } = state;
  const wanted = createWantedState({ family, mark: markOf(options), capabilities: CAPABILITIES });
  wanted.apply(change.value);
  const chains = [...wanted.chains.entries()].map(([, { chain }]) => chain);
  const sets = [...wanted.sets.entries()].map(([, declaration]) => ({
    declaration,
    elements: elementsOf(wanted, declaration),
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

function elementsOf(wanted: WantedState, { name }: SetDeclaration): ReadonlyMap<string, string> {
  const elements = new Map<string, string>();
  for (const [, { set, key, data }] of wanted.elements.entries()) {
    if (set === name) elements.set(key, data);
  }
  for (const [, { map, frontend, endpoints }] of wanted.groups.entries()) {
    if (map === name) endpoints.forEach((endpoint, slot) => elements.set(`${frontend} . ${slot}`, endpoint));
  }
  return elements;
}

function sorted<T>(all: readonly T[], nameOf: (each: T) => string): readonly T[] {
  return all.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}
