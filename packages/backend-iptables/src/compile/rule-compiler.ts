/** Compiles changes of desired state into changes of chains. Keeps the state; does no input or output. */
import { asFull, createFoldedSet, type FoldedSet } from '@signalbox/backend-kit';
import type {
  DesiredChange,
  DesiredHealthCheck,
  DesiredServicePort,
  Family,
  ServicePortKey,
} from '@signalbox/core';
import type { Chain, SharedRule, TableName, TypedRule } from '@signalbox/iptables';
import { CANARY_CHAINS, forwardChain, sharedRules, TO_EXTERNAL } from './base-chains.ts';
import { MARK_NON_POD, NODE_PORTS, NODE_PORTS_REFUSED } from './names.ts';
import { compileService, type EndpointNames, type ServiceRules } from './compile-service.ts';
import { commentsFor, type CompileContext, type EndpointComments, type RuleOptions } from './context.ts';
import type { DispatchTree, TreeUpdate } from './dispatch-tree.ts';
import { healthCheckEntry } from './health-check.ts';
import { masqueradeChains } from './masquerade.ts';
import { nodePortGates } from './node-ports.ts';
import {
  createTrees,
  TREE_KINDS,
  TREE_TABLES,
  type ServiceEntries,
  type TreeKind,
} from './service-dispatch.ts';

/** The order in which chains are written: lower first. Chains come after those that they jump to. */
export const RANK = { fixed: 0, service: 1, branch: 2, root: 50 } as const;

export interface RankedChain {
  readonly chain: Chain;
  readonly rank: number;
}

interface ChainName {
  readonly table: TableName;
  readonly name: string;
}

interface ChainChanges {
  /** In the order of writing. Some may be unchanged. */
  readonly write: readonly RankedChain[];
  readonly remove: readonly ChainName[];
}

/** Service ports that get no rules. */
type LeftOut = Pick<ReadonlySet<ServicePortKey>, 'has'>;

const NONE: LeftOut = new Set();

export interface ServicePlaces {
  readonly chains: readonly Chain[];
  /** Rules in chains that service ports share. */
  readonly dispatch: readonly DispatchRule[];
}

interface DispatchRule {
  readonly table: TableName;
  readonly chain: string;
  readonly rule: TypedRule;
}

export interface RuleCompiler {
  /**
   * Applies the change. For a full change it returns no chains: see `all`. `leftOut`: service ports that get no rules.
   * `held`: the style of the rules in the kernel, for a full change whose number of endpoints is between the limits.
   */
  apply(change: DesiredChange, leftOut?: LeftOut, held?: EndpointComments): ChainChanges;
  /**
   * All desired chains, compiled one service at a time during the iteration. The iteration must be completed; until it is,
   * the changes that `apply` returns after a full change are incomplete.
   */
  all(leftOut?: LeftOut): Iterable<RankedChain>;
  readonly services: ReadonlyMap<ServicePortKey, DesiredServicePort>;
  /** The rules that only this service port needs. Empty before the first change. */
  rulesOf(service: DesiredServicePort): readonly { readonly table: TableName; readonly rule: TypedRule }[];
  /** Where those rules are. */
  placesOf(service: DesiredServicePort): ServicePlaces;
  /** With the same state, for a reader beside syncs: `all` changes the trees. `null` before the first change. */
  copy(): RuleCompiler | null;
  /** Desired rules in chains that are not owned. Empty before the first change. */
  shared(): readonly SharedRule[];
}

export function createRuleCompiler(family: Family, options: RuleOptions): RuleCompiler {
  const services = new Map<ServicePortKey, DesiredServicePort>();
  const trees = createTrees(family);
  let context: CompileContext | null = null;
  let last: DesiredChange | null = null;
  const healthChecks = createFoldedSet<DesiredHealthCheck>();

  const apply: RuleCompiler['apply'] = (change, leftOut = NONE, held) => {
    const comments = change.kind === 'full' ? held : context?.endpointComments;
    const next = nextContext({ family, options }, change, comments);
    const same = context !== null && sameRules(context, next);
    const former = context ?? next;
    context = same ? former : next;
    last = change;
    applyHealthChecks(trees.healthChecks, change, healthChecks);
    const work: Work = { services, trees, context, former, leftOut };
    if (change.kind === 'full') return replaceServices(work, change);
    const changes = applyServices(work, change);
    return withTrees(same ? changes : addContextChange(work, changes), trees);
  };
  return {
    apply,
    *all(leftOut = NONE) {
      if (context === null) return;
      for (const chain of fixedChains(context)) yield chain;
      const work: Work = { services, trees, context, former: context, leftOut };
      for (const service of services.values()) yield* place(work, service);
      for (const kind of TREE_KINDS) yield* rankedChains(kind, trees[kind].rebuild());
    },
    services,
    rulesOf: (service) => rulesIn(placesOf(service, context, trees)),
    placesOf: (service) => placesOf(service, context, trees),
    copy() {
      if (last === null) return null;
      const copy = createRuleCompiler(family, options);
      copy.apply(asFull(last, services, healthChecks.all), NONE, context?.endpointComments);
      return copy;
    },
    shared: () => (context === null ? [] : sharedRules(context)),
  };
}

function nextContext(
  fixed: Pick<CompileContext, 'family' | 'options'>,
  { node, counts }: DesiredChange,
  held: EndpointComments | undefined,
): CompileContext {
  return { ...fixed, node, endpointComments: commentsFor(counts.endpoints, held) };
}

function placesOf(
  service: DesiredServicePort,
  context: CompileContext | null,
  trees: Work['trees'],
): ServicePlaces {
  if (context === null) return { chains: [], dispatch: [] };
  const { chains, entries } = compileService(service, context);
  const dispatch = TREE_KINDS.flatMap((kind) =>
    kind === 'healthChecks'
      ? []
      : entries[kind].flatMap(({ key, rules }) =>
          rules.map((rule) => ({ table: TREE_TABLES[kind], chain: trees[kind].chainOf(key), rule })),
        ),
  );
  return { chains, dispatch };
}

function rulesIn({ chains, dispatch }: ServicePlaces) {
  const own = chains.flatMap(({ table, rules }) => rules.map((rule) => ({ table, rule })));
  return [...own, ...dispatch].flatMap(({ table, rule }) => (rule.kind === 'rule' ? [{ table, rule }] : []));
}

/** A full change is complete: services that it does not contain are removed. Rules are compiled when they are read. */
function replaceServices(work: Work, change: DesiredChange): ChainChanges {
  const { added } = change.servicePorts;
  const named = new Set(added.map((service) => service.key));
  for (const key of work.services.keys()) {
    if (!named.has(key)) setEntries(work.trees, key, null);
  }
  work.services.clear();
  for (const service of added) work.services.set(service.key, service);
  setGates(work);
  return { write: [], remove: [] };
}

/** The node or the options have changed: every rule may change. */
function addContextChange(work: Work, changes: ChainChanges): ChainChanges {
  setGates(work);
  const again = replaceEach(work, [...work.services]);
  return {
    write: [...fixedChains(work.context), ...changes.write, ...again.write],
    remove: [...changes.remove, ...again.remove, ...unusedFixed(work.context)],
  };
}

/** Rules depend on no other part of the context. */
function sameRules(before: CompileContext, after: CompileContext): boolean {
  const relevant = ({ node, endpointComments }: CompileContext): string =>
    JSON.stringify([node.localDetector, node.nodePortAddresses, endpointComments]);
  return relevant(before) === relevant(after);
}

interface Work {
  readonly services: Map<ServicePortKey, DesiredServicePort>;
  readonly trees: Readonly<Record<(typeof TREE_KINDS)[number], DispatchTree>>;
  readonly context: CompileContext;
  /** The context of the rules in place. */
  readonly former: CompileContext;
  readonly leftOut: LeftOut;
}

type Replacement = readonly [key: ServicePortKey, after: DesiredServicePort | null];

function applyServices(
  work: Work,
  { servicePorts: { removed, changed, added } }: DesiredChange,
): ChainChanges {
  return replaceEach(work, [
    ...removed.map(({ key }): Replacement => [key, null]),
    ...changed.map(({ after }): Replacement => [after.key, after]),
    ...added.map((service): Replacement => [service.key, service]),
  ]);
}

function replaceEach(work: Work, replacements: readonly Replacement[]): ChainChanges {
  const write: RankedChain[] = [];
  const remove: ChainName[] = [];
  for (const [key, after] of replacements) {
    const before = work.services.get(key);
    const names: EndpointNames = new Map();
    const desired = after === null ? [] : place(work, after, names);
    write.push(...desired);
    if (before === undefined) continue;
    const kept = new Set(desired.map(({ chain }) => chain.name));
    for (const chain of compileService(before, work.former, names).chains) {
      if (!kept.has(chain.name)) remove.push({ table: chain.table, name: chain.name });
    }
    if (after === null) {
      work.services.delete(key);
      setEntries(work.trees, key, null);
    }
  }
  return { write, remove };
}

/** Puts the service's entries into the trees; returns its own chains. */
function place(work: Work, service: DesiredServicePort, names?: EndpointNames): readonly RankedChain[] {
  const { services, trees, context } = work;
  services.set(service.key, service);
  if (work.leftOut.has(service.key)) {
    setEntries(trees, service.key, null);
    return [];
  }
  const rules: ServiceRules = compileService(service, context, names);
  setEntries(trees, service.key, rules.entries);
  return rules.chains.map((chain) => ({ chain, rank: RANK.service }));
}

function setEntries(trees: Work['trees'], key: ServicePortKey, entries: ServiceEntries | null): void {
  for (const kind of TREE_KINDS) {
    if (kind !== 'healthChecks') trees[kind].set(key, entries?.[kind] ?? []);
  }
}

function applyHealthChecks(
  tree: DispatchTree,
  { kind, healthChecks }: DesiredChange,
  held: FoldedSet<DesiredHealthCheck>,
): void {
  if (kind === 'full') held.clear();
  held.apply(healthChecks);
  const { added, changed, removed } = held.owed();
  held.settle();
  for (const { key } of removed) tree.set(key, []);
  for (const check of [...changed.map(({ after }) => after), ...added])
    tree.set(check.key, [healthCheckEntry(check)]);
}

const NODE_PORTS_WORDS = 'kubernetes service nodeports; NOTE: this must be the last rule in this chain';

function setGates({ trees, context: { node, family } }: Work): void {
  trees.services.setTail(nodePortGates(node, family, NODE_PORTS, NODE_PORTS_WORDS));
  trees.refusedExternal.setTail(
    nodePortGates(node, family, NODE_PORTS_REFUSED, 'kubernetes service nodeports without endpoints'),
  );
  trees.refusedCluster.setTail([TO_EXTERNAL]);
}

function fixedChains(context: CompileContext): readonly RankedChain[] {
  const chains = [...CANARY_CHAINS, ...masqueradeChains(context), forwardChain(context)];
  return chains.map((chain) => ({ chain, rank: RANK.fixed }));
}

function unusedFixed(context: CompileContext): readonly ChainName[] {
  const used = fixedChains(context).some(({ chain }) => chain.name === MARK_NON_POD);
  return used ? [] : [{ table: 'nat', name: MARK_NON_POD }];
}

function withTrees(changes: ChainChanges, trees: Work['trees']): ChainChanges {
  const write = [...changes.write];
  const remove = [...changes.remove];
  for (const kind of TREE_KINDS) {
    const update = trees[kind].update();
    const { table } = trees[kind].place;
    write.push(...rankedChains(kind, update));
    remove.push(...update.removed.map((name) => ({ table, name })));
  }
  return { write, remove };
}

/** Deeper chains first; keys have at most 37 digits, so no branch reaches the rank of a root. */
function rankedChains(kind: TreeKind, { chains }: TreeUpdate): readonly RankedChain[] {
  const root = RANK.root + TREE_KINDS.indexOf(kind);
  return chains.map(({ chain, depth }) => ({ chain, rank: depth === 0 ? root : RANK.branch + 40 - depth }));
}
