/** Everything that the table should hold, kept up to date change by change. */
import {
  createDesiredView,
  createOwnedObjects,
  type DesiredView,
  type OwnedObjects,
  type Step,
} from '@signalbox/backend-kit';
import type { DesiredChange, DesiredNode, DesiredServicePort, Family, ServicePortKey } from '@signalbox/core';
import { fixedChains } from '../compile/base-chains.ts';
import type { CompileContext } from '../compile/context.ts';
import { nodePortIPElements } from '../compile/node-ports.ts';
import { type CompiledService, compileService } from '../compile/service-dispatch.ts';
import { setDeclarations } from '../compile/sets.ts';
import { chainRules } from '../encode/chain-rules.ts';
import {
  type Chain,
  type Element,
  elementId,
  groupId,
  type SetDeclaration,
  type SlotGroup,
} from '../objects/ruleset.ts';

/** A chain with its rules in the kernel's form. */
export interface DesiredChain {
  readonly chain: Chain;
  /** As in `ObservedChain`. */
  readonly rules: readonly string[];
}

export interface DesiredSteps {
  readonly chains: ReadonlyMap<string, Step<DesiredChain>>;
  readonly sets: ReadonlyMap<string, Step<SetDeclaration>>;
  readonly elements: ReadonlyMap<string, Step<Element>>;
  readonly groups: ReadonlyMap<string, Step<SlotGroup>>;
}

export interface DesiredObjects {
  readonly node: DesiredNode | null;
  readonly servicePorts: DesiredView['servicePorts'];
  readonly chains: OwnedObjects<DesiredChain>;
  readonly sets: OwnedObjects<SetDeclaration>;
  readonly elements: OwnedObjects<Element>;
  readonly groups: OwnedObjects<SlotGroup>;
  /** Sets whose elements are this backend's alone; sets of affinity are filled by packets. */
  staticSets(): readonly SetDeclaration[];
  apply(change: DesiredChange): void;
  /** Service ports that get no rules until they are admitted again. */
  leaveOut(key: ServicePortKey): void;
  admit(key: ServicePortKey): void;
  compile(service: DesiredServicePort): CompiledService | null;
  /** What differs from the last call. */
  takeSteps(): DesiredSteps;
  /** Everything is compared: what changed since the last call does not matter. */
  skipSteps(): void;
}

export type DesiredOptions = Omit<CompileContext, 'node'>;

/** Owner of what is there without any service; no service port has this key. */
const FIXED = 'node';

export function createDesiredObjects(options: DesiredOptions): DesiredObjects {
  const view = createDesiredView();
  const objects = createObjects();
  const leftOut = new Set<ServicePortKey>();
  let context: CompileContext | null = null;
  const put = (each: DesiredServicePort): void =>
    context === null || leftOut.has(each.key) ? undefined : contribute(objects, each, context);
  const apply = (change: DesiredChange): void => {
    if (change.kind === 'full') clearAll(objects);
    view.apply(change);
    view.settle();
    const { added, changed, removed } = change.servicePorts;
    removed.forEach(({ key }) => withdraw(objects, key));
    let touched: readonly DesiredServicePort[] = [...added, ...changed.map(({ after }) => after)];
    if (change.nodeChanged || context === null) {
      context = contributeFixed(objects, { ...options, node: change.node });
      touched = [...view.servicePorts.values()];
    }
    touched.forEach(put);
  };
  return {
    get node() {
      return view.node;
    },
    servicePorts: view.servicePorts,
    ...objects,
    staticSets: () => staticSetsOf(options, view.node),
    apply,
    compile: (service) => (context === null ? null : compileService(service, context)),
    leaveOut(key) {
      leftOut.add(key);
      withdraw(objects, key);
    },
    admit: (key) => {
      const service = view.servicePorts.get(key);
      if (leftOut.delete(key) && service !== undefined) put(service);
    },
    ...stepsOf(objects),
  };
}

function clearAll(objects: Objects): void {
  for (const each of Object.values(objects)) (each as OwnedObjects<unknown>).clear();
}

function stepsOf(objects: Objects): Pick<DesiredObjects, 'takeSteps' | 'skipSteps'> {
  const { chains, sets, elements, groups } = objects;
  return {
    takeSteps: () => ({
      chains: chains.takeSteps(),
      sets: sets.takeSteps(),
      elements: elements.takeSteps(),
      groups: groups.takeSteps(),
    }),
    skipSteps() {
      for (const each of Object.values(objects)) (each as OwnedObjects<unknown>).skipSteps();
    },
  };
}

type Objects = Pick<DesiredObjects, 'chains' | 'sets' | 'elements' | 'groups'>;

function createObjects(): Objects {
  return {
    chains: createOwnedObjects<DesiredChain>((one, other) => sameTexts(one.rules, other.rules)),
    sets: createOwnedObjects<SetDeclaration>((one, other) => one.timeout === other.timeout),
    elements: createOwnedObjects<Element>((one, other) => one.data === other.data),
    groups: createOwnedObjects<SlotGroup>(isSameGroup),
  };
}

function isSameGroup(one: SlotGroup, other: SlotGroup): boolean {
  return one.inOrder === other.inOrder && sameTexts(one.endpoints, other.endpoints);
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((text, index) => text === other[index]));
}

function contributeFixed({ chains, sets, elements }: Objects, context: CompileContext): CompileContext {
  const { family, node } = context;
  chains.contribute(
    FIXED,
    fixedChains(context).map((chain) => desiredChain(chain, family)),
  );
  sets.contribute(
    FIXED,
    staticSetsOf(context, node).map((set) => [set.name, set]),
  );
  elements.contribute(FIXED, nodePortIPElements(node).map(byId));
  return context;
}

function contribute(objects: Objects, service: DesiredServicePort, context: CompileContext): void {
  const compiled = compileService(service, context);
  objects.chains.contribute(
    service.key,
    compiled.chains.map((chain) => desiredChain(chain, context.family)),
  );
  objects.sets.contribute(
    service.key,
    compiled.sets.map((set) => [set.name, set]),
  );
  objects.elements.contribute(service.key, compiled.elements.map(byId));
  objects.groups.contribute(
    service.key,
    compiled.groups.map((group) => [groupId(group), group]),
  );
}

function withdraw(objects: Objects, owner: string): void {
  for (const set of Object.values(objects) as readonly OwnedObjects<unknown>[]) set.contribute(owner, []);
}

function desiredChain(chain: Chain, family: Family): readonly [string, DesiredChain] {
  return [chain.name, { chain, rules: chainRules(chain, family) }];
}

function byId(element: Element): readonly [string, Element] {
  return [elementId(element.set, element.key), element];
}

function staticSetsOf(options: DesiredOptions, node: DesiredNode | null): readonly SetDeclaration[] {
  const loopbackSockets = node?.loopbackSockets === true;
  return setDeclarations({
    ...options,
    nodePorts: node?.nodePortAddresses.kind ?? 'any-local',
    loopbackSockets,
  });
}
