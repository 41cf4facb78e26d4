/**
 * Operations in an order in which no packet meets half of a service, also where they need several batches:
 *
 * 1. sets; chains; what has to be made anew; the rules of new chains;
 * 2. endpoints in new slots, before a class that reaches them is named;
 * 3. what guards a frontend: refusals, source ranges, cluster IPs. A packet that still finds its endpoint meets none of these;
 * 4. rules of chains that were there;
 * 5. frontends, by one verdict each;
 * 6. elements that are no longer desired, frontends first.
 *
 * Then, in a batch of their own, the removals: chains that no verdict names any more, all emptied before the first is deleted,
 * and sets.
 */
import { ENDPOINT_MAPS, SET } from '../objects/ruleset.ts';
import type { Entry, Operation } from '../objects/operation.ts';
import type { Chain, SetDeclaration } from '../objects/ruleset.ts';

/** In the order in which elements are added; deleted in the reverse order, but frontends first. */
const GUARDS: readonly string[] = [
  SET.nodePortIPs,
  SET.hairpin,
  SET.clusterIPs,
  SET.sourceRanges,
  SET.firewallIPs,
  SET.noEndpointServices,
  SET.noEndpointNodePorts,
  SET.loopbackNodePorts,
];
const FRONTENDS: readonly string[] = [SET.serviceIPs, SET.serviceNodePorts];

interface ElementChanges {
  readonly added: Entry[];
  readonly replaced: Entry[];
  readonly deleted: string[];
}

export interface Plan {
  addTable(): void;
  wakeTable(): void;
  recreateTable(): void;
  addSet(set: SetDeclaration): void;
  deleteSet(name: string): void;
  recreateSet(set: SetDeclaration, users: readonly Chain[]): void;
  recreateChain(chain: Chain): void;
  /** A chain that the kernel has not. */
  addChain(chain: Chain): void;
  /** Rules of a chain that is there. */
  rewriteChain(chain: Chain): void;
  deleteChain(name: string): void;
  /** `undefined`: the element is not there, or not desired. */
  changeElement(set: string, key: string, data: ElementStep): void;
  readonly isEmpty: boolean;
  /** In order. */
  operations(): readonly Operation[];
  /**
   * Deletes what `operations` left without users. A batch of its own: a packet that a verdict sent to such a chain before the
   * first batch still finds its rules; and kernels before 6.2 hold the chain of a deleted element for up to a second, and
   * refuse with EBUSY.
   */
  removals(): readonly Operation[];
}

interface ElementStep {
  readonly before: string | undefined;
  readonly after: string | undefined;
}

interface Draft {
  readonly first: Operation[];
  readonly newChains: Chain[];
  readonly rewritten: Chain[];
  readonly recreated: Operation[];
  readonly staleChains: string[];
  readonly staleSets: string[];
  readonly elements: Map<string, ElementChanges>;
}

export function createPlan(): Plan {
  const draft: Draft = {
    first: [],
    newChains: [],
    rewritten: [],
    recreated: [],
    staleChains: [],
    staleSets: [],
    elements: new Map(),
  };
  return {
    addTable: () => void draft.first.unshift({ kind: 'add-table' }),
    wakeTable: () => void draft.first.unshift({ kind: 'wake-table' }),
    recreateTable: () => void draft.first.unshift({ kind: 'recreate-table' }),
    addSet: (set) => void draft.first.push({ kind: 'add-set', set }),
    recreateSet: (set, users) => void draft.recreated.push({ kind: 'recreate-set', set, users }),
    recreateChain: (chain) => void draft.recreated.push({ kind: 'recreate-chain', chain }),
    deleteSet: (name) => void draft.staleSets.push(name),
    addChain: (chain) => void draft.newChains.push(chain),
    rewriteChain: (chain) => void draft.rewritten.push(chain),
    deleteChain: (name) => void draft.staleChains.push(name),
    changeElement: (set, key, step) => recordElement(changesOf(draft.elements, set), key, step),
    get isEmpty() {
      return Object.values(draft).every((part: Draft[keyof Draft]) => sizeOf(part) === 0);
    },
    operations: () => operationsOf(draft),
    removals: () => [
      ...draft.staleChains.map((name): Operation => ({ kind: 'flush-chain', name })),
      ...draft.staleChains.map((name): Operation => ({ kind: 'delete-chain', name })),
      ...draft.staleSets.map((name): Operation => ({ kind: 'delete-set', name })),
    ],
  };
}

function sizeOf(part: Draft[keyof Draft]): number {
  return part instanceof Map ? part.size : part.length;
}

function operationsOf({ first, newChains, rewritten, recreated, elements }: Draft) {
  return [
    ...first,
    ...newChains.map((chain): Operation => ({ kind: 'add-chain', chain })),
    ...recreated,
    ...newChains.filter(({ rules }) => rules.length > 0).map(writeRules),
    ...ENDPOINT_MAPS.flatMap((set) => additions(elements, set)),
    ...GUARDS.flatMap((set) => additions(elements, set)),
    ...rewritten.map(writeRules),
    ...FRONTENDS.flatMap((set) => additions(elements, set)),
    ...[...FRONTENDS, ...GUARDS.toReversed(), ...ENDPOINT_MAPS].flatMap((set) => deletions(elements, set)),
  ];
}

function writeRules(chain: Chain): Operation {
  return { kind: 'write-rules', chain };
}

function changesOf(all: Map<string, ElementChanges>, set: string): ElementChanges {
  const known = all.get(set);
  if (known !== undefined) return known;
  const changes: ElementChanges = { added: [], replaced: [], deleted: [] };
  all.set(set, changes);
  return changes;
}

function recordElement(changes: ElementChanges, key: string, { before, after }: ElementStep): void {
  if (after === undefined) changes.deleted.push(key);
  else if (before === undefined) changes.added.push({ key, data: after });
  else if (before !== after) changes.replaced.push({ key, data: after });
}

function additions(all: ReadonlyMap<string, ElementChanges>, set: string): readonly Operation[] {
  const { added = [], replaced = [] } = all.get(set) ?? {};
  const operations: Operation[] = [];
  if (added.length > 0) operations.push({ kind: 'add-elements', set, entries: added });
  if (replaced.length > 0) operations.push({ kind: 'replace-elements', set, entries: replaced });
  return operations;
}

function deletions(all: ReadonlyMap<string, ElementChanges>, set: string): readonly Operation[] {
  const { deleted = [] } = all.get(set) ?? {};
  return deleted.length === 0 ? [] : [{ kind: 'delete-elements', set, keys: deleted }];
}
