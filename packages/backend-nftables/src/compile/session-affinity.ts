/**
 * S31-S33. A chain for each endpoint, which notes the client in a set with a time-out, under the names that kube-proxy uses:
 * the memory of clients then survives a change from one proxy to the other, either way.
 */
import type { DesiredEndpoint, DesiredServicePort, Family } from '@signalbox/core';
import type { Chain, SetDeclaration } from '../objects/ruleset.ts';
import { goto, rule, type Rule } from '../objects/rule.ts';
import { protocolOf } from './frontend-key.ts';
import { byWeight } from './load-balancing.ts';
import { affinityChains, affinityEndpoint } from './names.ts';

export interface AffinityObjects {
  readonly chains: readonly Chain[];
  readonly sets: readonly SetDeclaration[];
}

const NOTHING: AffinityObjects = { chains: [], sets: [] };

/** Everything but the `external-` chain, which depends on the routes. */
export function affinityObjects(service: DesiredServicePort, family: Family): AffinityObjects {
  const { affinity, name, clusterEndpoints, localEndpoints } = service;
  if (affinity === null) return NOTHING;
  const names = affinityChains(name);
  const all = new Map(
    [...clusterEndpoints, ...localEndpoints].map((each) => [affinityEndpoint(name, each).set, each]),
  );
  const chains = [...all.values()].map((endpoint) => endpointChain(service, endpoint));
  if (clusterEndpoints.length > 0) chains.push(balancingChain(names.cluster, service, clusterEndpoints));
  if (localEndpoints.length > 0) chains.push(balancingChain(names.local, service, localEndpoints));
  const key = [family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr'] as const;
  const timeout = affinity.timeoutSeconds * 1000;
  const sets = [...all.keys()].map((set): SetDeclaration => ({
    name: set,
    key,
    flags: ['dynamic', 'timeout'],
    timeout,
  }));
  return { chains, sets };
}

/** Rules are tried one after the other: above this sum of weights, shares are rounded. */
const MOST_RULES = 256;

/** Known clients first; the others by chance, endpoint by endpoint, as often as its weight, with the share that makes all equal. */
function balancingChain(
  chain: string,
  { name }: DesiredServicePort,
  endpoints: readonly DesiredEndpoint[],
): Chain {
  const targets = endpoints.map((endpoint) => affinityEndpoint(name, endpoint));
  const known = targets.map(({ chain: to, set }) =>
    rule([{ kind: 'in-set', key: ['saddr'], set }], goto(to)),
  );
  const shares = byWeight(endpoints, targets, MOST_RULES);
  const chosen = shares.map(({ chain: to }, index): Rule => {
    const left = shares.length - index;
    return rule(left === 1 ? [] : [{ kind: 'one-in', modulus: left }], goto(to));
  });
  return { name: chain, rules: [...known, ...chosen] };
}

/** In two rules: a full set ends the rule in which it is, and the connection must be translated all the same. */
function endpointChain({ name }: DesiredServicePort, endpoint: DesiredEndpoint): Chain {
  const { chain, set } = affinityEndpoint(name, endpoint);
  const { address, port } = endpoint;
  return {
    name: chain,
    rules: [
      rule([], { kind: 'update-set', set }),
      rule([{ kind: 'protocol', protocol: protocolOf(name) }], { kind: 'dnat', address, port }),
    ],
  };
}
