/** A service port as elements, slot groups and chains. */
import { joinText } from '@signalbox/backend-kit';
import {
  isEndpointSet,
  maglevTable,
  type DesiredServicePort,
  type Frontend,
  type Route,
} from '@signalbox/core';
import {
  type Chain,
  type Element,
  type EndpointMap,
  SET,
  type SetDeclaration,
  type SlotGroup,
} from '../objects/ruleset.ts';
import type { CompileContext } from './context.ts';
import { frontendKey } from './frontend-key.ts';
import { hairpinElements } from './hairpin.ts';
import { byWeight, classOf, maglevChain, pickChain, preparedPickChains } from './load-balancing.ts';
import { affinityChains } from './names.ts';
import { refusal, refusalMap } from './no-endpoints.ts';
import { loopbackElements } from './node-ports.ts';
import { type Leg, routeChain, routeRules } from './routes.ts';
import { affinityObjects } from './session-affinity.ts';
import { sourceRangeObjects } from './source-ranges.ts';

/** The objects of one service port in the table. */
export interface CompiledService {
  readonly elements: readonly Element[];
  readonly groups: readonly SlotGroup[];
  readonly chains: readonly Chain[];
  readonly sets: readonly SetDeclaration[];
}

export function compileService(service: DesiredServicePort, context: CompileContext): CompiledService {
  const affinity = affinityObjects(service, context.family);
  const spread = spreadOf(service, context);
  const parts = service.frontends.map((frontend) => compileFrontend({ service, spread }, frontend, context));
  return {
    elements: [...parts.flatMap((part) => part.elements), ...hairpinElements(service)],
    groups: parts.flatMap((part) => part.groups),
    chains: [...affinity.chains, ...parts.flatMap((part) => part.chains)],
    sets: affinity.sets,
  };
}

type Target = 'cluster' | 'local';

/** How connections spread over the endpoints of a target, whatever the frontend. */
interface Spread {
  readonly slots: Readonly<Record<Target, Pick<SlotGroup, 'endpoints' | 'inOrder'>>>;
  chainOf(map: EndpointMap, target: Target): Chain;
  /** Stands for the chain in the name of a route: `c4`, `ch`. */
  wordOf(map: EndpointMap, target: Target): string;
}

/** A Service with affinity has chains for its endpoints, and no slots: `null`. */
function spreadOf(service: DesiredServicePort, context: CompileContext): Spread | null {
  const { affinity, balancing, clusterEndpoints, localEndpoints } = service;
  if (affinity !== null) return null;
  const { maglevSlots, capabilities } = context;
  const byHash = balancing === 'maglev' && capabilities.clientHash;
  const slotsOf = (endpoints: DesiredServicePort['clusterEndpoints']): Spread['slots']['cluster'] => {
    const texts = endpoints.map(({ address, port }) => joinText([address, ' . ', port]));
    if (!byHash) return { endpoints: byWeight(endpoints, texts) };
    const table = maglevTable(endpoints, maglevSlots);
    return { endpoints: Array.from(table, (index) => texts[index] ?? ''), inOrder: true };
  };
  const slots = { cluster: slotsOf(clusterEndpoints), local: slotsOf(localEndpoints) };
  const size = (target: Target): number => classOf(slots[target].endpoints.length);
  return {
    slots,
    chainOf: (map, target) => (byHash ? maglevChain(map, maglevSlots) : pickChain(map, size(target))),
    wordOf: (map, target) => `${WORD[map]}${byHash ? 'h' : size(target)}`,
  };
}

type FrontendParts = Omit<CompiledService, 'sets'>;

interface Spreading {
  readonly service: DesiredServicePort;
  readonly spread: Spread | null;
}

function compileFrontend(spreading: Spreading, frontend: Frontend, context: CompileContext): FrontendParts {
  const { service } = spreading;
  const key = frontendKey(frontend, service.name);
  const ranges = sourceRangeObjects(frontend, service.name, context);
  const elements = [
    ...clusterIPElements(frontend),
    ...ranges.elements,
    ...loopbackElements(service, frontend, context),
  ];
  const refused = refusal(frontend);
  if (refused !== null) elements.push({ set: refusalMap(frontend), key, data: refused });
  const { chain, groups, chains } = dispatch(spreading, frontend, context);
  if (chain !== null) {
    const set = frontend.kind === 'node-port' ? SET.serviceNodePorts : SET.serviceIPs;
    elements.push({ set, key, data: `goto ${chain}` });
  }
  return { elements, groups, chains: [...chains, ...ranges.chains] };
}

function clusterIPElements(frontend: Frontend): readonly Element[] {
  return frontend.kind === 'cluster-ip' ? [{ set: SET.clusterIPs, key: frontend.address, data: '' }] : [];
}

interface Dispatch {
  /** Where the frontend's verdict goes; `null`: nowhere, all of its routes refuse. */
  readonly chain: string | null;
  readonly groups: readonly SlotGroup[];
  readonly chains: readonly Chain[];
}

function dispatch(spreading: Spreading, frontend: Frontend, context: CompileContext): Dispatch {
  const legs = legsOf(spreading, frontend);
  if (legs.every(({ chain }) => chain === null)) return { chain: null, groups: [], chains: [] };
  const used = spreading.spread === null ? [] : slotGroups(spreading.service, spreading.spread, frontend);
  const groups = used.map(({ group }) => group);
  const picks = used.map(({ chain }) => chain).filter(({ name }) => !PREPARED.has(name));
  const route = routing(spreading.service, legs, context);
  const chain = route?.name ?? legs[0]?.chain ?? null;
  return { chain, groups, chains: route === null ? picks : [...picks, route] };
}

function routing(
  { affinity, name }: DesiredServicePort,
  legs: readonly Leg[],
  context: CompileContext,
): Chain | null {
  const shared = routeChain(legs, context);
  if (shared === null || affinity === null) return shared;
  return { name: affinityChains(name).external, rules: routeRules(legs, context) };
}

const PREPARED: ReadonlySet<string> = new Set(preparedPickChains().map(({ name }) => name));

/** Connections to a cluster IP are masqueraded ahead of the dispatch: what is left of its routes is the target. */
function legsOf(spreading: Spreading, frontend: Frontend): readonly Leg[] {
  const [first] = frontend.routes;
  if (frontend.kind === 'cluster-ip' && first !== undefined) {
    return [leg(spreading, frontend, { ...first, source: 'any', masquerade: false })];
  }
  return frontend.routes.map((route) => leg(spreading, frontend, route));
}

function leg({ service, spread }: Spreading, frontend: Frontend, { source, masquerade, target }: Route): Leg {
  if (!isEndpointSet(target)) return { source, masquerade, chain: null, word: target };
  if (spread === null) {
    return { source, masquerade, chain: affinityChains(service.name)[target], word: target };
  }
  const map = endpointMap(frontend, target);
  return { source, masquerade, chain: spread.chainOf(map, target).name, word: spread.wordOf(map, target) };
}

const WORD: Readonly<Record<EndpointMap, string>> = {
  'cluster-endpoints': 'c',
  'local-endpoints': 'l',
  'nodeport-endpoints': 'n',
  'nodeport-local-endpoints': 'o',
};

function endpointMap({ kind }: Frontend, target: Target): EndpointMap {
  if (kind === 'node-port') return target === 'cluster' ? 'nodeport-endpoints' : 'nodeport-local-endpoints';
  return target === 'cluster' ? 'cluster-endpoints' : 'local-endpoints';
}

interface UsedSlots {
  readonly group: SlotGroup;
  readonly chain: Chain;
}

function slotGroups(service: DesiredServicePort, spread: Spread, frontend: Frontend): readonly UsedSlots[] {
  const targets = (['cluster', 'local'] as const).filter((target) =>
    frontend.routes.some((route) => route.target === target),
  );
  return targets.map((target) => {
    const map = endpointMap(frontend, target);
    const group = { map, frontend: frontendKey(frontend, service.name), ...spread.slots[target] };
    return { group, chain: spread.chainOf(map, target) };
  });
}
