/** What the kernel is known to hold beyond the desired state itself. */
import type { Family } from '@signalbox/core';
import { setName, type SetId } from '../compile/names.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { Operation } from '../objects/operation.ts';
import type { PacketFilter } from '../objects/packet-filter.ts';

export interface HeldStateStart {
  readonly family: Family;
  readonly observed: Observed;
  readonly packetFilter: PacketFilter;
  /** When the kernel was last compared as a whole, by `Clock.elapsed`. */
  readonly since: number;
}

export interface HeldState {
  readonly since: number;
  /** How many entries a set takes now. */
  space(id: SetId): number | undefined;
  hasPacketFilter(packetFilter: PacketFilter): boolean;
  note(operation: Operation): void;
}

export function createHeldState({ family, observed, packetFilter, since }: HeldStateStart): HeldState {
  const spaces = new Map<string, number>();
  for (const [name, { set }] of observed.sets) spaces.set(name, set.maxElements);
  return {
    since,
    space: (id) => spaces.get(setName(family, id)),
    hasPacketFilter: (desired) => desired === packetFilter,
    note(operation) {
      if (operation.kind === 'set-create' || operation.kind === 'set-replace') {
        spaces.set(operation.set.name, operation.set.maxElements);
      }
      if (operation.kind === 'sets-retype') {
        for (const { set } of operation.sets) spaces.set(set.name, set.maxElements);
      }
    },
  };
}
