/** From what the kernel holds, whichever process wrote it, to what it should hold. */
import { namesSet } from '../encode/chain-rules.ts';
import { isDeclared } from '../encode/set-signature.ts';
import type { Observed, ObservedChain } from '../objects/observed.ts';
import { type Chain, elementId, ENDPOINT_MAPS, type EndpointMap, isEndpointMap } from '../objects/ruleset.ts';
import { planGroup, type SlotTable, usersOf } from './increment.ts';
import { createPlan, type Plan } from './plan.ts';
import type { DesiredChain, DesiredObjects } from './desired-objects.ts';

export interface Reconciliation {
  readonly plan: Plan;
  /** As the kernel holds them after the plan. */
  readonly slots: SlotTable;
}

export function reconcile(desired: DesiredObjects, observed: Observed): Reconciliation {
  const plan = createPlan();
  const emptied = planStructure(plan, desired, observed);
  const held = new Map([...observed.elements.bySet].filter(([set]) => !emptied.has(set)));
  planElements(plan, desired, held);
  return { plan, slots: planGroups(plan, desired, held) };
}

/** Everything anew, for what cannot be deleted by itself: rules or elements of other processes hold it. */
export function rebuild(desired: DesiredObjects): Reconciliation {
  const plan = createPlan();
  plan.recreateTable();
  planStructure(plan, desired, EMPTY_TABLE);
  planElements(plan, desired, new Map());
  return { plan, slots: planGroups(plan, desired, new Map()) };
}

const EMPTY_TABLE = { exists: true, dormant: false, chains: new Map(), sets: new Map() };

/** The plan where all elements are known to be as desired, but for those of sets that are not. */
export function reconcileStructure(desired: DesiredObjects, observed: Observed): Plan {
  const plan = createPlan();
  planStructure(plan, desired, observed);
  return plan;
}

/** Names of sets that are there in another form: they lose their elements. */
function planStructure(plan: Plan, desired: DesiredObjects, observed: ObservedObjects): ReadonlySet<string> {
  if (!observed.exists) plan.addTable();
  if (observed.dormant) plan.wakeTable();
  const emptied = planSets(plan, desired, observed);
  planChains(plan, desired, observed);
  return emptied;
}

function planSets(
  plan: Plan,
  { sets, chains }: DesiredObjects,
  observed: ObservedObjects,
): ReadonlySet<string> {
  const emptied = new Set<string>();
  for (const [name, set] of sets.entries()) {
    const held = observed.sets.get(name);
    if (held === undefined) plan.addSet(set);
    else if (isDeclared(set, held)) continue;
    else plan.recreateSet(set, usersNow(name, chains, observed));
    emptied.add(name);
  }
  for (const name of observed.sets.keys()) {
    // Anonymous sets go with their rules.
    if (!sets.has(name) && !name.startsWith('__')) plan.deleteSet(name);
  }
  return emptied;
}

/** A set can be deleted when no rule looks it up: those of other processes neither, wherever in the table they are. */
function usersNow(
  set: string,
  chains: DesiredObjects['chains'],
  observed: ObservedObjects,
): readonly Chain[] {
  const names = new Set(usersOf(set, chains).map(({ name }) => name));
  for (const [name, { rules }] of observed.chains) {
    if (rules.some((text) => namesSet(text, set))) names.add(name);
  }
  return [...names].map((name) => chains.get(name)?.chain ?? { name, rules: [] });
}

function planChains(plan: Plan, { chains }: DesiredObjects, observed: ObservedObjects): void {
  for (const [name, desired] of chains.entries()) {
    const held = observed.chains.get(name);
    if (held === undefined) plan.addChain(desired.chain);
    else if (!isSameHook(desired, held)) plan.recreateChain(desired.chain);
    else if (!isSameChain(desired, held)) plan.rewriteChain(desired.chain);
  }
  for (const name of observed.chains.keys()) if (!chains.has(name)) plan.deleteChain(name);
}

function isSameHook({ chain: { base } }: DesiredChain, held: ObservedChain): boolean {
  return (
    base?.hook === held.base?.hook &&
    base?.type === held.base?.type &&
    base?.priority === held.base?.priority &&
    base?.policy === held.base?.policy
  );
}

function isSameChain({ rules }: DesiredChain, held: ObservedChain): boolean {
  return rules.length === held.rules.length && rules.every((rule, index) => rule === held.rules[index]);
}

type ObservedObjects = Pick<Observed, 'exists' | 'dormant' | 'chains' | 'sets'>;

type Elements = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** All sets but those of endpoints. */
function planElements(plan: Plan, { elements }: DesiredObjects, held: Elements): void {
  for (const [, { set, key, data }] of elements.entries()) {
    const before = held.get(set)?.get(key);
    if (before !== data) plan.changeElement(set, key, { before, after: data });
  }
  for (const [set, entries] of held) {
    if (isEndpointMap(set)) continue;
    for (const [key, data] of entries) {
      if (!elements.has(elementId(set, key)))
        plan.changeElement(set, key, { before: data, after: undefined });
    }
  }
}

function planGroups(plan: Plan, { groups }: DesiredObjects, held: Elements): SlotTable {
  const { slots, frontends } = heldSlots(plan, held);
  for (const [id, after] of groups.entries()) planGroup(plan, { id, before: undefined, after }, slots);
  for (const [id, { map, frontend }] of frontends) {
    if (groups.has(id)) continue;
    planGroup(plan, { id, before: { map, frontend, endpoints: [] }, after: undefined }, slots);
  }
  return slots;
}

interface HeldSlots {
  readonly slots: SlotTable;
  readonly frontends: ReadonlyMap<string, { readonly map: EndpointMap; readonly frontend: string }>;
}

/** A slot beyond every class was not written by this backend: its element goes. */
const MOST_SLOTS = 65_536;

function heldSlots(plan: Plan, held: Elements): HeldSlots {
  const slots = new Map<string, (string | undefined)[]>();
  const frontends = new Map<string, { readonly map: EndpointMap; readonly frontend: string }>();
  for (const map of ENDPOINT_MAPS) {
    for (const [key, endpoint] of held.get(map) ?? []) {
      const border = key.lastIndexOf(' . ');
      const frontend = key.slice(0, border);
      const slot = Number(key.slice(border + 3));
      if (!(slot < MOST_SLOTS)) {
        plan.changeElement(map, key, { before: endpoint, after: undefined });
        continue;
      }
      const id = elementId(map, frontend);
      const group = slots.get(id) ?? [];
      group[slot] = endpoint;
      slots.set(id, group);
      frontends.set(id, { map, frontend });
    }
  }
  return { slots, frontends };
}
