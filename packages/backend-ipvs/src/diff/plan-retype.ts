/**
 * Sets with an owned name, but of another type, family or range, and perhaps with rules that refer to them, which keeps them
 * from being destroyed. The rules match sets of other names meanwhile, so that no packet meets rules without them.
 */
import type { Family } from '@signalbox/core';
import { detourName, obsoleteSets, type SetId } from '../compile/names.ts';
import { ipSet, SET_IDS } from '../compile/ip-sets.ts';
import type { IpSet } from '../objects/ip-set.ts';
import type { ObservedSet } from '../objects/kernel-state.ts';
import type { RetypedSet } from '../objects/operation.ts';
import type { PacketFilter } from '../objects/packet-filter.ts';
import { isNarrowing, type SetPlanner } from './plan-sets.ts';

export function findMistyped(family: Family, observed: ReadonlyMap<string, ObservedSet>): ReadonlySet<SetId> {
  return new Set(
    SET_IDS.filter((id) => {
      const set = ipSet(family, id, 0);
      const held = observed.get(set.name)?.set;
      return held !== undefined && !isOfKind(held, set);
    }),
  );
}

function isOfKind(held: IpSet, desired: IpSet): boolean {
  const sameRange = desired.type !== 'bitmap:port' || held.maxElements === desired.maxElements;
  return held.type === desired.type && held.family === desired.family && sameRange;
}

/** Once all other sets are as they should be. Installs `packetFilter` too. */
export function planRetype(
  { plan, family, count, content }: SetPlanner,
  ids: ReadonlySet<SetId>,
  packetFilter: PacketFilter,
): void {
  const owners = ['packet filter'];
  const sets = [...ids].map((id): RetypedSet => {
    // An empty one masquerades all connections, which is right for every endpoint; its entries come last, as ever.
    const steps = isNarrowing(id) ? [] : [...content(id)];
    owners.push(...steps.map(({ owner }) => owner));
    return {
      set: ipSet(family, id, count(id)),
      detour: detourName(family, id),
      entries: steps.map(({ placed }) => placed.entry),
    };
  });
  const names = new Map(sets.map(({ set, detour }) => [set.name, detour]));
  const detour = withSets(packetFilter, names);
  plan.addAll('packet-filter', { kind: 'sets-retype', sets, detour, packetFilter }, owners);
}

/** Left by a process that was killed, or by an earlier version: no rule refers to them once the packet filter is installed. */
export function planStraySets(
  { plan, family }: SetPlanner,
  mistyped: ReadonlySet<SetId>,
  observed: ReadonlyMap<string, ObservedSet>,
): void {
  const detours = SET_IDS.filter((id) => !mistyped.has(id)).map((id) => detourName(family, id));
  for (const set of [...detours, ...obsoleteSets(family)]) {
    if (!observed.has(set)) continue;
    plan.addPrecaution('sets-obsolete', { kind: 'set-destroy', set }, set);
  }
}

function withSets(packetFilter: PacketFilter, names: ReadonlyMap<string, string>): PacketFilter {
  const chains = packetFilter.chains.map((chain) => ({
    ...chain,
    rules: chain.rules.map((rule) =>
      rule.kind === 'rule'
        ? {
            ...rule,
            matches: rule.matches.map((match) =>
              match.kind === 'ip-set' ? { ...match, name: names.get(match.name) ?? match.name } : match,
            ),
          }
        : rule,
    ),
  }));
  return { ...packetFilter, chains };
}
