/** Which endpoint of a group has which slot. Pure. */
import { classOf } from '../compile/load-balancing.ts';
import type { SlotGroup } from '../objects/ruleset.ts';

/** Endpoints by slot; holes are `undefined`. */
export type Slots = readonly (string | undefined)[];

export function slotsOf({ endpoints, inOrder }: SlotGroup, held: Slots): Slots {
  return inOrder === true ? endpoints : assignSlots(held, endpoints);
}

/**
 * Keeps every endpoint where it is, as far as its slot is one of the class; new ones fill the holes from slot 0 on. Slot 0 is
 * always filled: where its endpoint went and no new one came, that of the highest slot moves there.
 */
export function assignSlots(held: Slots, desired: readonly string[]): Slots {
  const slots = classOf(desired.length);
  if (held.length === 0) return Array.from({ length: slots }, (_, slot) => desired[slot]);
  const left = tally(desired);
  const take = (endpoint: string): boolean => {
    const times = left.get(endpoint) ?? 0;
    if (times > 0) left.set(endpoint, times - 1);
    return times > 0;
  };
  const next: (string | undefined)[] = Array.from({ length: slots }, (_, slot) => {
    const endpoint = held[slot];
    return endpoint !== undefined && take(endpoint) ? endpoint : undefined;
  });
  let hole = 0;
  for (const [endpoint, times] of left) {
    for (let time = 0; time < times; time++) {
      while (next[hole] !== undefined) hole++;
      next[hole] = endpoint;
    }
  }
  return withFirst(next);
}

/** How often each text is in the list. */
export function tally(texts: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const text of texts) times.set(text, (times.get(text) ?? 0) + 1);
  return times;
}

function withFirst(next: (string | undefined)[]): Slots {
  const last = next.findLastIndex((endpoint) => endpoint !== undefined);
  if (last > 0 && next[0] === undefined) {
    next[0] = next[last];
    next[last] = undefined;
  }
  return next;
}

export interface SlotStep {
  readonly slot: number;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Slots whose endpoint differs. */
export function slotSteps(before: Slots, after: Slots): readonly SlotStep[] {
  const steps: SlotStep[] = [];
  for (let slot = 0; slot < Math.max(before.length, after.length); slot++) {
    const step = { slot, before: before[slot], after: after[slot] };
    if (step.before !== step.after) steps.push(step);
  }
  return steps;
}
