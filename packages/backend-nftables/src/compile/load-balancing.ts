/**
 * By chance: endpoints stand in slots of a class: `pick/M`, M a power of two, serves more than M/2 and at most M endpoints in any of M
 * slots, of which slot 0 is always filled. Its rules try a random slot r times, then slot 0, then drop: a chain of nat
 * must not fall through, or the connection is confirmed untranslated and its source port is lost for minutes. An endpoint has as
 * many slots as its share of the weights needs.
 *
 * `maglev`: every slot of a table of fixed size is filled, and the hash of the client's address selects one.
 */
import { DEFAULT_WEIGHT, type BalancingSupport, type DesiredEndpoint } from '@signalbox/core';
import type { Capabilities } from './context.ts';
import { type Chain, ENDPOINT_MAPS, type EndpointMap } from '../objects/ruleset.ts';
import { DROP, type Field, rule, type Rule } from '../objects/rule.ts';

export const BALANCING: BalancingSupport = {
  algorithms: ['random', 'maglev'],
  default: 'random',
  weights: true,
};

export function balancingOn({ clientHash }: Capabilities): BalancingSupport {
  return clientHash ? BALANCING : { ...BALANCING, algorithms: ['random'] };
}

/** Above this sum of weights, shares are rounded. */
const MOST_SHARES = 4096;

/**
 * `items`: one for each endpoint. Each as often as the weight of its endpoint, divided by what all weights have in common;
 * `most`: in all, if there are not more endpoints.
 */
export function byWeight<T>(
  endpoints: readonly DesiredEndpoint[],
  items: readonly T[],
  most: number = MOST_SHARES,
): readonly T[] {
  if (endpoints.every(({ weight }) => weight === undefined)) return items;
  const weights = endpoints.map(({ weight = DEFAULT_WEIGHT }) => weight);
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  const total = weights.reduce((sum, weight) => sum + weight, 0) / divisor;
  const times = weights.map((weight) =>
    total <= most ? weight / divisor : Math.max(1, Math.round((weight / divisor / total) * most)),
  );
  return items.flatMap((item, index) => Array.from({ length: times[index] ?? 0 }, () => item));
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}

/**
 * A prime, as the tables need. Of the clients of 3 to 100 endpoints, at most 1.5 % besides those of an endpoint that leaves get another
 * endpoint (measured; with 4093 slots 3.5 %).
 */
export const MAGLEV_SLOTS = 16_381;

/** Any number; the same on every node, so that a client keeps its endpoint when it arrives at another one. */
const MAGLEV_SEED = 0x5349_474e;

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

const HASHED: Readonly<Record<EndpointMap, string>> = {
  'cluster-endpoints': 'maglev',
  'local-endpoints': 'maglev-local',
  'nodeport-endpoints': 'maglev-nodeport',
  'nodeport-local-endpoints': 'maglev-nodeport-local',
};

const PREFIX: Readonly<Record<EndpointMap, string>> = {
  'cluster-endpoints': 'pick',
  'local-endpoints': 'pick-local',
  'nodeport-endpoints': 'nodeport',
  'nodeport-local-endpoints': 'nodeport-local',
};

export function pickChainName(map: EndpointMap, slots: number): string {
  return `${PREFIX[map]}/${slots}`;
}

function frontendFields(map: EndpointMap): readonly Field[] {
  return map.startsWith('nodeport-') ? ['l4proto', 'dport'] : ['daddr', 'l4proto', 'dport'];
}

export function maglevChain(map: EndpointMap, slots: number): Chain {
  const key = frontendFields(map);
  const select = rule([], { kind: 'dnat-map', key, slots, seed: MAGLEV_SEED, map });
  return { name: HASHED[map], rules: [select, rule([], DROP)] };
}

/** By name; as few as there are maps and powers of two. */
const PICK_CHAINS = new Map<string, Chain>();

/** The same object each time, since every frontend uses it. `slots`: a power of two. */
export function pickChain(map: EndpointMap, slots: number): Chain {
  const name = pickChainName(map, slots);
  const known = PICK_CHAINS.get(name);
  if (known !== undefined) return known;
  const key = frontendFields(map);
  const pick = (among: number): Rule => rule([], { kind: 'dnat-map', key, slots: among, map });
  // One object: it is encoded once.
  const tries = Array<Rule>(triesOf(slots)).fill(pick(slots));
  const chain = { name, rules: [...tries, pick(1), rule([], DROP)] };
  PICK_CHAINS.set(name, chain);
  return chain;
}

export function preparedPickChains(): readonly Chain[] {
  return ENDPOINT_MAPS.flatMap((map) => PREPARED_CLASSES.map((slots) => pickChain(map, slots)));
}
