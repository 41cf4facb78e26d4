/** A service port as elements, slot groups and chains. */
import type { DesiredServicePort, Frontend, Route } from '@signalbox/core';
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
import { classOf, pickChain, PREPARED_CLASSES } from './load-balancing.ts';
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
  const parts = service.frontends.map((frontend) => compileFrontend(service, frontend, context));
  return {
    elements: [...parts.flatMap((part) => part.elements), ...hairpinElements(service)],
    groups: parts.flatMap((part) => part.groups),
    chains: [...affinity.chains, ...parts.flatMap((part) => part.chains)],
    sets: affinity.sets,
  };
}

type FrontendParts = Omit<CompiledService, 'sets'>;

function compileFrontend(
  service: DesiredServicePort,
  frontend: Frontend,
  context: CompileContext,
): FrontendParts {
  const key = frontendKey(frontend, service.name);
  const ranges = sourceRangeObjects(frontend, service.name, context);
  const elements = [
    ...clusterIPElements(frontend),
    ...ranges.elements,
    ...loopbackElements(service, frontend, context),
  ];
  const refused = refusal(frontend);
  if (refused !== null) elements.push({ set: refusalMap(frontend), key, data: refused });
  const { chain, groups, chains } = dispatch(service, frontend, context);
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

function dispatch(service: DesiredServicePort, frontend: Frontend, context: CompileContext): Dispatch {
  const legs = legsOf(service, frontend);
  if (legs.every(({ chain }) => chain === null)) return { chain: null, groups: [], chains: [] };
  const groups = slotGroups(service, frontend);
  const picks = groups
    .filter(({ endpoints }) => !PREPARED_CLASSES.includes(classOf(endpoints.length)))
    .map(({ map, endpoints }) => pickChain(map, classOf(endpoints.length)));
  const route = routing(service, legs, context);
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

/** Connections to a cluster IP are masqueraded ahead of the dispatch: what is left of its routes is the target. */
function legsOf(service: DesiredServicePort, frontend: Frontend): readonly Leg[] {
  const [first] = frontend.routes;
  if (frontend.kind === 'cluster-ip' && first !== undefined) {
    return [leg(service, frontend, { ...first, source: 'any', masquerade: false })];
  }
  return frontend.routes.map((route) => leg(service, frontend, route));
}

function leg(service: DesiredServicePort, frontend: Frontend, { source, masquerade, target }: Route): Leg {
  if (target !== 'cluster' && target !== 'local') return { source, masquerade, chain: null, word: target };
  if (service.affinity !== null) {
    return { source, masquerade, chain: affinityChains(service.name)[target], word: target };
  }
  const map = endpointMap(frontend, target);
  const slots = classOf(endpointsOf(service, target).length);
  return { source, masquerade, chain: pickChain(map, slots).name, word: `${WORD[map]}${slots}` };
}

const WORD: Readonly<Record<EndpointMap, string>> = {
  'cluster-endpoints': 'c',
  'local-endpoints': 'l',
  'nodeport-endpoints': 'n',
  'nodeport-local-endpoints': 'o',
};

type Target = 'cluster' | 'local';

function endpointMap({ kind }: Frontend, target: Target): EndpointMap {
  if (kind === 'node-port') return target === 'cluster' ? 'nodeport-endpoints' : 'nodeport-local-endpoints';
  return target === 'cluster' ? 'cluster-endpoints' : 'local-endpoints';
}

function endpointsOf({ clusterEndpoints, localEndpoints }: DesiredServicePort, target: Target) {
  return target === 'cluster' ? clusterEndpoints : localEndpoints;
}

/** A Service with affinity has chains for its endpoints, and none of them in the maps. */
function slotGroups(service: DesiredServicePort, frontend: Frontend): readonly SlotGroup[] {
  if (service.affinity !== null) return [];
  const targets = (['cluster', 'local'] as const).filter((target) =>
    frontend.routes.some((route) => route.target === target),
  );
  return targets.map((target) => ({
    map: endpointMap(frontend, target),
    frontend: frontendKey(frontend, service.name),
    endpoints: endpointsOf(service, target).map(({ address, port }) => `${address} . ${port}`),
  }));
}
