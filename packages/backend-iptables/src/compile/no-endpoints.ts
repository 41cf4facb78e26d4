import type { DesiredServicePort, Frontend, Route } from '@signalbox/core';
import { isEndpointSet, servicePortLabel } from '@signalbox/core';
import { DROP, type Match, REJECT, rule, type TypedRule } from '@signalbox/iptables';
import type { CompileContext } from './context.ts';
import { toFrontend, toPort } from './frontend-match.ts';
import { forwards, passesExternal, sourceMatches } from './routes.ts';
import { allowedSources, exemptions } from './source-ranges.ts';

/**
 * Filter rules that refuse a frontend's traffic (S16, S23). They match the original destination, so packets that nat has
 * translated to an endpoint do not match. Empty if all of the frontend's traffic goes to endpoints.
 */
export function refusalRules(
  service: DesiredServicePort,
  frontend: Frontend,
  context: CompileContext,
): readonly TypedRule[] {
  const refusals = frontend.routes.filter(({ target }) => !isEndpointSet(target) && target !== 'pass');
  const rules = refusals.flatMap((route) =>
    sourceMatches(route.source, context).map((from) => refusal(service, frontend, route, from)),
  );
  if (frontend.kind !== 'load-balancer' || frontend.sourceRanges === null || forwards(frontend)) return rules;
  // No nat rule separates the allowed sources here: packets from them are rejected, packets from others are dropped.
  const { name } = service;
  const words = `${servicePortLabel(name)} traffic not accepted by source ranges`;
  const others = rule(toFrontend(frontend.address, name.protocol, frontend.port, words), DROP);
  return [
    ...allowedSources(frontend.sourceRanges).flatMap((from) =>
      rules.map((each) => rule([from, ...each.matches], each.target)),
    ),
    ...(passesExternal(frontend) ? exemptions(service, frontend, frontend.sourceRanges) : []),
    others,
  ];
}

function refusal(
  service: DesiredServicePort,
  frontend: Frontend,
  route: Route,
  from: readonly Match[],
): TypedRule {
  const { name } = service;
  const reject = route.target === 'reject';
  const words = `${servicePortLabel(name)} has no ${reject ? '' : 'local '}endpoints`;
  const to =
    frontend.kind === 'node-port'
      ? toPort(name.protocol, frontend.port, words)
      : toFrontend(frontend.address, name.protocol, frontend.port, words);
  return rule([...from, ...to], reject ? REJECT : DROP);
}
