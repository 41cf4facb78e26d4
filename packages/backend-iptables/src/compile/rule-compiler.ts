/** From changes of desired state to changes of chains. Holds the state; does no input or output. */
import type {
  DesiredChange,
  DesiredNode,
  DesiredServicePort,
  Family,
  ObjectKey,
  ServicePortKey,
} from '@signalbox/core';
import type { Chain, SharedRule, TableName } from '../objects/rule.ts';
import { CANARY_CHAINS, forwardChain, sharedRules } from './base-chains.ts';
import { MARK_NON_POD, NODE_PORTS, NODE_PORTS_REFUSED } from './chain-names.ts';
import { compileService, type ServiceRules } from './compile-service.ts';
import type { CompileContext, RuleOptions } from './context.ts';
import { portKey } from './dispatch-key.ts';
import type { DispatchTree } from './dispatch-tree.ts';
import { masqueradeChains } from './masquerade.ts';
import { healthCheckRule, nodePortGates } from './node-ports.ts';
import { createTrees, TREE_KINDS, type ServiceEntries } from './service-dispatch.ts';

/** When to write a chain, relative to others: lower first. Chains come after those that they jump to. */
export const RANK = { fixed: 0, service: 1, branch: 2, root: 50 } as const;

export interface RankedChain {
  readonly chain: Chain;
  readonly rank: number;
}

export interface ChainName {
  readonly table: TableName;
  readonly name: string;
}

export interface ChainChanges {
  /** In the order of writing. Some may be the same as before. */
  readonly write: readonly RankedChain[];
  readonly remove: readonly ChainName[];
}

export interface RuleCompiler {
  apply(change: DesiredChange): ChainChanges;
  /** Everything that should be there. */
  all(): readonly RankedChain[];
  /** Rules wanted in chains that are not ours. Empty before the first change. */
  shared(): readonly SharedRule[];
  readonly servicePorts: number;
}

export function createRuleCompiler(family: Family, options: RuleOptions): RuleCompiler {
  const services = new Map<ServicePortKey, DesiredServicePort>();
  const trees = createTrees(family);
  let context: CompileContext | null = null;
  let healthChecks: ReadonlySet<ObjectKey> = new Set();

  const apply = (change: DesiredChange): ChainChanges => {
    const same = context !== null && sameRules(context.node, change.node);
    context = { family, node: change.node, options };
    const work: Work = { services, trees, context };
    if (change.kind === 'full') forgetServices(work, change);
    const changes = applyServices(work, change);
    healthChecks = applyHealthChecks(trees.healthChecks, change, healthChecks);
    if (same) return withTrees(changes, trees, 'update');
    setGates(trees, change.node, family);
    const again = change.kind === 'full' ? [] : recompile(work);
    const fixed = fixedChains(context);
    const usesNonPod = fixed.some(({ chain }) => chain.name === MARK_NON_POD);
    const unused: readonly ChainName[] = usesNonPod ? [] : [{ table: 'nat', name: MARK_NON_POD }];
    const write = [...fixed, ...changes.write, ...again];
    return withTrees({ write, remove: [...changes.remove, ...unused] }, trees, 'update');
  };
  return {
    apply,
    all() {
      if (context === null) return [];
      const write = [...fixedChains(context), ...recompile({ services, trees, context })];
      return withTrees({ write, remove: [] }, trees, 'rebuild').write;
    },
    shared: () => (context === null ? [] : sharedRules(context)),
    get servicePorts() {
      return services.size;
    },
  };
}

/** Of the node, rules depend on no more than this. */
function sameRules(before: DesiredNode, after: DesiredNode): boolean {
  const relevant = (node: DesiredNode): string =>
    JSON.stringify([node.localDetector, node.nodePortAddresses]);
  return before === after || relevant(before) === relevant(after);
}

interface Work {
  readonly services: Map<ServicePortKey, DesiredServicePort>;
  readonly trees: Readonly<Record<(typeof TREE_KINDS)[number], DispatchTree>>;
  readonly context: CompileContext;
}

/** A full change says all there is: what it does not name goes. */
function forgetServices({ services, trees }: Work, change: DesiredChange): void {
  const named = new Set(change.servicePorts.added.map((service) => service.key));
  for (const key of [...services.keys()]) {
    if (named.has(key)) continue;
    services.delete(key);
    setEntries(trees, key, null);
  }
}

function applyServices(work: Work, { servicePorts }: DesiredChange): ChainChanges {
  const write: RankedChain[] = [];
  const remove: ChainName[] = [];
  const replace = (key: ServicePortKey, after: DesiredServicePort | null): void => {
    const before = work.services.get(key);
    const wanted = after === null ? [] : place(work, after);
    write.push(...wanted);
    if (before === undefined) return;
    const kept = new Set(wanted.map(({ chain }) => chain.name));
    for (const chain of compileService(before, work.context).chains) {
      if (!kept.has(chain.name)) remove.push({ table: chain.table, name: chain.name });
    }
    if (after === null) {
      work.services.delete(key);
      setEntries(work.trees, key, null);
    }
  };
  for (const service of servicePorts.removed) replace(service.key, null);
  for (const { after } of servicePorts.changed) replace(after.key, after);
  for (const service of servicePorts.added) replace(service.key, service);
  return { write, remove };
}

/** Takes the service over into the trees; answers with its own chains. */
function place({ services, trees, context }: Work, service: DesiredServicePort): readonly RankedChain[] {
  services.set(service.key, service);
  const rules: ServiceRules = compileService(service, context);
  setEntries(trees, service.key, rules.entries);
  return rules.chains.map((chain) => ({ chain, rank: RANK.service }));
}

function setEntries(trees: Work['trees'], key: ServicePortKey, entries: ServiceEntries | null): void {
  for (const kind of TREE_KINDS) {
    if (kind !== 'healthChecks') trees[kind].set(key, entries?.[kind] ?? []);
  }
}

function recompile(work: Work): readonly RankedChain[] {
  return [...work.services.values()].flatMap((service) => place(work, service));
}

/** Answers with the checks that the tree holds now. */
function applyHealthChecks(
  tree: DispatchTree,
  { kind, healthChecks }: DesiredChange,
  held: ReadonlySet<ObjectKey>,
): ReadonlySet<ObjectKey> {
  const now = new Set(held);
  const gone = kind === 'full' ? [...held] : healthChecks.removed.map((check) => check.key);
  for (const key of gone) {
    tree.set(key, []);
    now.delete(key);
  }
  for (const check of [...healthChecks.changed.map(({ after }) => after), ...healthChecks.added]) {
    tree.set(check.key, [{ key: portKey('TCP', check.port), rules: [healthCheckRule(check)] }]);
    now.add(check.key);
  }
  return now;
}

const NODE_PORTS_WORDS = 'kubernetes service nodeports; NOTE: this must be the last rule in this chain';

function setGates(trees: Work['trees'], node: DesiredNode, family: Family): void {
  trees.services.setTail(nodePortGates(node, family, NODE_PORTS, NODE_PORTS_WORDS));
  trees.refusedExternal.setTail(
    nodePortGates(node, family, NODE_PORTS_REFUSED, 'kubernetes service nodeports without endpoints'),
  );
}

function fixedChains(context: CompileContext): readonly RankedChain[] {
  const chains = [...CANARY_CHAINS, ...masqueradeChains(context), forwardChain(context)];
  return chains.map((chain) => ({ chain, rank: RANK.fixed }));
}

function withTrees(changes: ChainChanges, trees: Work['trees'], how: 'update' | 'rebuild'): ChainChanges {
  const write = [...changes.write];
  const remove = [...changes.remove];
  for (const [index, kind] of TREE_KINDS.entries()) {
    const tree = trees[kind];
    const update = tree[how]();
    for (const { chain, depth } of update.chains) {
      // Deeper chains first; keys have at most 37 digits, so no branch reaches the rank of a root.
      const rank = depth === 0 ? RANK.root + index : RANK.branch + 40 - depth;
      write.push({ chain, rank });
    }
    remove.push(...update.removed.map((name) => ({ table: tree.place.table, name })));
  }
  return { write, remove };
}
