import type { DesiredServicePort, Frontend, Route } from '@signalbox/core';
import { isEndpointSet, servicePortLabel } from '@signalbox/core';
import { type Chain, jump, type Match, RETURN, rule, type TypedRule } from '@signalbox/iptables';
import { MARK_MASQUERADE, serviceChain } from './names.ts';
import type { CompileContext } from './context.ts';
import { comment, FROM_NODE } from './frontend-match.ts';
import { clusterMasquerade, fromLocalPod } from './masquerade.ts';

/** Whether nat rules send some of the frontend's traffic to endpoints. */
export function forwards(frontend: Frontend): boolean {
  return frontend.routes.some((route) => isEndpointSet(route.target));
}

/** External traffic that is left to the routes of the node (S66). */
export function passesExternal({ routes }: Frontend): boolean {
  return routes.at(-1)?.target === 'pass';
}

/** External traffic that is rejected, while pods or the node are served (S66). */
export function rejectsExternal({ routes }: Frontend): boolean {
  return routes.at(-1)?.target === 'reject';
}

/** One match list for each kind of packet that has this source. */
export function sourceMatches(
  source: Route['source'],
  context: CompileContext,
): readonly (readonly Match[])[] {
  switch (source) {
    case 'any':
      return [[]];
    case 'node':
      return [[FROM_NODE]];
    case 'local-pods':
      return fromLocalPod(context.node.localDetector).map((match) => [match]);
  }
}

/** Chains that implement routes: one per distinct list of routes, the first under kube-proxy's name. */
export interface Entries {
  /** The chain that traffic to this frontend goes to. */
  chainOf(frontend: Frontend): string;
  readonly chains: readonly Chain[];
}

export function compileEntries(service: DesiredServicePort, context: CompileContext): Entries {
  const chains = new Map<string, Chain>();
  const chainOf = (frontend: Frontend): string => {
    const direct = directTarget(frontend);
    if (direct !== null) return serviceChain(direct, service.name);
    const routes = JSON.stringify(
      frontend.routes.map(({ source, target, masquerade }) => [source, target, masquerade]),
    );
    const known = chains.get(routes);
    if (known !== undefined) return known.name;
    const name = serviceChain('external', service.name, chains.size === 0 ? '' : routes);
    chains.set(routes, { table: 'nat', name, rules: entryRules(service, frontend.routes, context) });
    return name;
  };
  for (const frontend of service.frontends) if (forwards(frontend)) chainOf(frontend);
  return { chainOf, chains: [...chains.values()] };
}

/** Cluster IPs whose routes differ only in masquerading lead directly to the service's chain. */
function directTarget(frontend: Frontend): 'cluster' | 'local' | null {
  const target = frontend.routes[0]?.target;
  if (frontend.kind !== 'cluster-ip' || target === undefined || !isEndpointSet(target)) return null;
  return clusterMasquerade(frontend.routes) === null ? null : target;
}

function entryRules(
  service: DesiredServicePort,
  routes: readonly Route[],
  context: CompileContext,
): readonly TypedRule[] {
  return routes.flatMap((route) =>
    sourceMatches(route.source, context).flatMap((from) => routeRules(service, route, from)),
  );
}

function routeRules(service: DesiredServicePort, route: Route, from: readonly Match[]): readonly TypedRule[] {
  // Packets that are refused or pass leave nat unchanged; the filter table refuses them by their original destination.
  if (!isEndpointSet(route.target)) return route.source === 'any' ? [] : [rule(from, RETURN)];
  const label = servicePortLabel(service.name);
  const chain = jump(serviceChain(route.target, service.name));
  if (route.source === 'local-pods') {
    const words = comment(`pod traffic for ${label} external destinations`);
    return marked(route, rule([...from, words], chain));
  }
  if (route.source === 'node') {
    const to = rule([comment(`route LOCAL traffic for ${label} external destinations`), ...from], chain);
    return marked(route, to, comment(`masquerade LOCAL traffic for ${label} external destinations`));
  }
  return marked(route, rule([], chain), comment(`masquerade traffic for ${label} external destinations`));
}

function marked(route: Route, to: TypedRule, words?: Match): readonly TypedRule[] {
  if (!route.masquerade) return [to];
  const from = to.matches.filter((match) => match.kind !== 'comment');
  return [rule(words === undefined ? from : [words, ...from], jump(MARK_MASQUERADE)), to];
}
