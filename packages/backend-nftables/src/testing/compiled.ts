/** Services and nodes as the rules and elements that nft would list, for tests of single features. */
import type { DesiredNode, DesiredServicePort, Family, Frontend, Route } from '@signalbox/core';
import { fixedChains } from '../compile/base-chains.ts';
import { compileService } from '../compile/service-dispatch.ts';
import { formatRule } from '../format/rule-text.ts';
import type { Chain } from '../objects/ruleset.ts';
import { sampleContext } from './compile-context.ts';

function textsOf(
  chains: readonly Chain[],
  family: Family = 'IPv4',
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    chains.map(({ name, rules }) => [name, rules.map((each) => formatRule(each, family))]),
  );
}

export function fixed(node: Partial<DesiredNode>, family: Family = 'IPv4') {
  return textsOf(fixedChains(sampleContext(family, node)), family);
}

export function compiled(service: DesiredServicePort, context = sampleContext('IPv4')) {
  const { elements, groups, chains, sets } = compileService(service, context);
  return {
    elements: elements.map(({ set, key, data }) => `${set}: ${key}${data === '' ? '' : ` : ${data}`}`),
    groups: groups.map(({ map, frontend, endpoints }) => `${map}: ${frontend}: ${endpoints.length}`),
    chains: textsOf(chains, context.family),
    sets,
  };
}

export function withRoutes(service: DesiredServicePort, routes: readonly Route[]): DesiredServicePort {
  return { ...service, frontends: service.frontends.map((frontend): Frontend => ({ ...frontend, routes })) };
}

export const route = (source: Route['source'], target: Route['target'], masquerade = false): Route => {
  return { source, target, masquerade, rule: 'S22' };
};
