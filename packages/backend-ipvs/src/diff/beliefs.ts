/** What the kernel is believed to hold beyond the wanted state itself. Void after any failure. */
import type { Family } from '@signalbox/core';
import { setName, type SetId } from '../compile/chain-names.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { Operation } from '../objects/operation.ts';
import type { Program } from '../objects/program.ts';

export interface BeliefsStart {
  readonly family: Family;
  readonly observed: Observed;
  readonly program: Program;
  /** When the kernel was last compared as a whole, in milliseconds since 1970. */
  readonly since: number;
}

export class Beliefs {
  readonly since: number;
  readonly #family: Family;
  readonly #program: Program;
  readonly #spaces = new Map<string, number>();

  constructor({ family, observed, program, since }: BeliefsStart) {
    this.since = since;
    this.#family = family;
    this.#program = program;
    for (const [name, { set }] of observed.sets) this.#spaces.set(name, set.maxElements);
  }

  /** How many entries a set takes now. */
  space(id: SetId): number | undefined {
    return this.#spaces.get(setName(this.#family, id));
  }

  hasProgram(program: Program): boolean {
    return program === this.#program;
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
