/** From what changed to what to do, where the kernel is known to hold everything that was desired before. */
import type { Step } from '@signalbox/backend-kit';
import type { Rule } from '../objects/rule.ts';
import type { Chain, SlotGroup } from '../objects/ruleset.ts';
import { type Slots, slotsOf, slotSteps } from './assign-slots.ts';
import type { Plan } from './plan.ts';
import type { DesiredObjects, DesiredSteps } from './desired-objects.ts';

/** Group → endpoints by slot, as the kernel holds them. */
export type SlotTable = Map<string, Slots>;

/** `slots` becomes what it is after the plan. */
export function planIncrement(plan: Plan, steps: DesiredSteps, { chains, slots }: IncrementState): void {
  for (const [name, { before, after }] of steps.sets) {
    if (after === undefined) plan.deleteSet(name);
    else if (before === undefined) plan.addSet(after);
    else plan.recreateSet(after, usersOf(name, chains));
  }
  for (const [name, { before, after }] of steps.chains) {
    if (after === undefined) plan.deleteChain(name);
    else if (before === undefined) plan.addChain(after.chain);
    else plan.rewriteChain(after.chain);
  }
  for (const { before, after } of steps.elements.values()) {
    const element = after ?? before;
    if (element === undefined) continue;
    plan.changeElement(element.set, element.key, { before: before?.data, after: after?.data });
  }
  for (const [id, step] of steps.groups) planGroup(plan, { id, ...step }, slots);
}

export interface IncrementState {
  readonly chains: DesiredObjects['chains'];
  readonly slots: SlotTable;
}

/** Desired chains with a rule that names the set. */
export function usersOf(set: string, chains: DesiredObjects['chains']): readonly Chain[] {
  const users = [...chains.entries()].map(([, { chain }]) => chain);
  return users.filter(({ rules }) => rules.some((rule) => setsOf(rule).includes(set)));
}

function setsOf({ matches, statements }: Rule): readonly string[] {
  const all = [...matches, ...statements];
  return all.flatMap((part) => ('set' in part ? [part.set] : 'map' in part ? [part.map] : []));
}

interface GroupStep extends Step<SlotGroup> {
  readonly id: string;
}

const NO_SLOTS: Slots = [];

export function planGroup(plan: Plan, { id, before, after }: GroupStep, slots: SlotTable): void {
  const group = after ?? before;
  if (group === undefined) return;
  const held = slots.get(id) ?? NO_SLOTS;
  const next = after === undefined ? [] : slotsOf(after, held);
  for (const step of slotSteps(held, next)) {
    plan.changeElement(group.map, `${group.frontend} . ${step.slot}`, step);
  }
  if (after === undefined) slots.delete(id);
  else slots.set(id, next);
}
