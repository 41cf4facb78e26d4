/** From what changed to what to do, where the kernel is known to hold all that was desired before. */
import type { Step } from '@signalbox/backend-kit';
import type { SetId } from '../compile/names.ts';
import type { DesiredServer } from '../compile/virtual-servers.ts';
import type { VirtualServerKey } from '../objects/virtual-server.ts';
import { isExcluded } from './ownership.ts';
import { addressStep, contents, counter, type PlanInput } from './plan-input.ts';
import { heldFromDesired, planServer } from './plan-servers.ts';
import { planEntries, type EntryStep } from './plan-sets.ts';
import { createPlan, type Plan } from './plan.ts';
import type { DesiredSteps } from './desired-objects.ts';

export interface IncrementInput extends PlanInput {
  readonly steps: DesiredSteps;
  /** How many entries each set takes now. */
  readonly space: (set: SetId) => number | undefined;
  /** Virtual servers not owned by Signalbox, at addresses and ports that Services need. */
  readonly conflicts: ReadonlySet<VirtualServerKey>;
}

export function planIncrement(input: IncrementInput): Plan {
  const plan = createPlan();
  for (const [key, step] of input.steps.servers) {
    if (!input.conflicts.has(key)) planServerStep(plan, input, { key, step });
  }
  planEntrySteps(plan, input);
  return plan;
}

function planServerStep(
  plan: Plan,
  input: IncrementInput,
  { key, step }: { readonly key: string; readonly step: Step<DesiredServer> },
): void {
  const { terminating, now, desired } = input;
  const { before, after } = step;
  if (after === undefined && before !== undefined && isExcluded(input.excludeCIDRs, before.server)) return;
  const held = before === undefined ? undefined : heldFromDesired(key, before, terminating);
  planServer({ plan, terminating, now }, { key, owner: desired.servers.ownerOf(key), held, desired: after });
}

function planEntrySteps(plan: Plan, input: IncrementInput): void {
  const { family, desired, steps, space } = input;
  const added: EntryStep[] = [];
  const deleted: EntryStep[] = [];
  for (const [key, { before, after }] of steps.entries) {
    if (after !== undefined) added.push({ owner: desired.entries.ownerOf(key), placed: after });
    else if (before !== undefined) deleted.push({ owner: key, placed: before });
  }
  for (const [address, { after }] of steps.addresses) {
    if (desired.isBoundElsewhere(address)) continue;
    const owner = desired.addresses.ownerOf(address);
    if (after === true) plan.add('addresses-added', { kind: 'address-add', address }, owner);
    else plan.add('addresses-deleted', { kind: 'address-delete', address }, address);
    (after === true ? added : deleted).push(addressStep(owner, address));
  }
  planEntries({ plan, family, count: counter(desired), space, content: contents(desired) }, added, deleted);
}
