/**
 * Endpoints stand in slots of a class: `pick/M`, M a power of two, serves more than M/2 and at most M endpoints in any of M
 * slots, of which slot 0 is always filled. Its rules try a random slot r times, then slot 0, then drop: a chain of nat
 * must not fall through, or the connection is confirmed untranslated and its source port is lost for minutes.
 */
import type { BalancingSupport } from '@signalbox/core';
import { type Chain, ENDPOINT_MAPS, type EndpointMap } from '../objects/ruleset.ts';
import { DROP, type Field, rule, type Rule } from '../objects/rule.ts';

export const BALANCING: BalancingSupport = { algorithms: ['random'], default: 'random', weights: false };

/** Smallest power of two that is not less than the number of endpoints. */
export function classOf(endpoints: number): number {
  return endpoints <= 1 ? 1 : 2 ** Math.ceil(Math.log2(endpoints));
}

/** Tries before slot 0, so many that it gets less than a thousandth more than its share. */
const TRIES: readonly number[] = [0, 2, 5, 8, 9];
const TRIES_OF_LARGE = 10;

function triesOf(slots: number): number {
  return TRIES[Math.log2(slots)] ?? TRIES_OF_LARGE;
}

/** Chains of these exist from the start, as the kernel walks a map once when a rule first looks it up. */
export const PREPARED_CLASSES: readonly number[] = Array.from({ length: 11 }, (_, index) => 2 ** index);

const PREFIX: Readonly<Record<EndpointMap, string>> = {
  'cluster-endpoints': 'pick',
  'local-endpoints': 'pick-local',
  'nodeport-endpoints': 'nodeport',
  'nodeport-local-endpoints': 'nodeport-local',
};

export function pickChainName(map: EndpointMap, slots: number): string {
  return `${PREFIX[map]}/${slots}`;
}

export function pickChain(map: EndpointMap, slots: number): Chain {
  const key: readonly Field[] = map.startsWith('nodeport-')
    ? ['l4proto', 'dport']
    : ['daddr', 'l4proto', 'dport'];
  const pick = (among: number): Rule => rule([], { kind: 'dnat-map', key, slots: among, map });
  const tries = Array.from({ length: triesOf(slots) }, () => pick(slots));
  return { name: pickChainName(map, slots), rules: [...tries, pick(1), rule([], DROP)] };
}

export function preparedPickChains(): readonly Chain[] {
  return ENDPOINT_MAPS.flatMap((map) => PREPARED_CLASSES.map((slots) => pickChain(map, slots)));
}
