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

export class HeldState {
  readonly since: number;
  readonly #family: Family;
  readonly #packetFilter: PacketFilter;
  readonly #spaces = new Map<string, number>();

  constructor({ family, observed, packetFilter, since }: HeldStateStart) {
    this.since = since;
    this.#family = family;
    this.#packetFilter = packetFilter;
    for (const [name, { set }] of observed.sets) this.#spaces.set(name, set.maxElements);
  }

  /** How many entries a set takes now. */
  space(id: SetId): number | undefined {
    return this.#spaces.get(setName(this.#family, id));
  }

  hasPacketFilter(packetFilter: PacketFilter): boolean {
    return packetFilter === this.#packetFilter;
  }

  note(operation: Operation): void {
    if (operation.kind === 'set-create' || operation.kind === 'set-replace') {
      this.#spaces.set(operation.set.name, operation.set.maxElements);
    }
    if (operation.kind === 'sets-retype') {
      for (const { set } of operation.sets) this.#spaces.set(set.name, set.maxElements);
    }
  }
}
