/** Who goes where (S21, S22, S35): chains of nat that are shared by all frontends with the same routes. */
import type { Route } from '@signalbox/core';
import type { Chain } from '../objects/ruleset.ts';
import { goto, type Match, rule, type Rule, type Statement } from '../objects/rule.ts';
import type { CompileContext } from './context.ts';
import { fromLocalPod } from './masquerade.ts';

/** A route with the chain that it leads to. */
export interface Leg {
  readonly source: Route['source'];
  readonly masquerade: boolean;
  /** `pick/4`; `null`: the packet stays untranslated, and the filter chains refuse it or let it pass. */
  readonly chain: string | null;
  /** What stands for the chain in the name of the route: `c4`. */
  readonly word: string;
}

/** Names of one length limit each other's text: these are short, whatever the service. */
function routeChainName(legs: readonly Leg[]): string {
  return `route/${legs
    .filter(({ chain }) => chain !== null)
    .map(legName)
    .join('/')}`;
}

const SOURCE_WORD: Readonly<Record<Route['source'], string>> = {
  'local-pods': 'pods',
  node: 'node',
  any: 'any',
};

function legName({ source, masquerade, word }: Leg): string {
  return [SOURCE_WORD[source], ...(masquerade ? ['m'] : []), word].join('.');
}

/** Rules of the routes in order. A leg without a chain has none: whatever comes behind it matches no further source. */
export function routeRules(legs: readonly Leg[], context: CompileContext): readonly Rule[] {
  return legs.flatMap((leg) => legRules(leg, context));
}

function legRules({ source, masquerade, chain }: Leg, { node, mark }: CompileContext): readonly Rule[] {
  if (chain === null) return [];
  const setMark: readonly Statement[] = masquerade ? [{ kind: 'set-mark', mask: mark }] : [];
  const to = (matches: readonly Match[]): Rule => rule(matches, ...setMark, goto(chain));
  switch (source) {
    case 'any':
      return [to([])];
    case 'node':
      return [to([{ kind: 'local-address', field: 'saddr' }])];
    case 'local-pods':
      return fromLocalPod(node.localDetector).map((match) => to([match]));
  }
}

/** `null`: one leg that changes nothing; a verdict may name its chain directly. */
export function routeChain(legs: readonly Leg[], context: CompileContext): Chain | null {
  const [only, ...more] = legs;
  if (more.length === 0 && only?.source === 'any' && !only.masquerade) return null;
  return { name: routeChainName(legs), rules: routeRules(legs, context) };
}
