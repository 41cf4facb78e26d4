import type { BalancingSupport, DesiredEndpoint, DesiredServicePort } from '@signalbox/core';
import { DEFAULT_WEIGHT, servicePortLabel } from '@signalbox/core';
import {
  type Chain,
  jump,
  type Match,
  shareOf,
  rule,
  type Target,
  type TypedRule,
} from '@signalbox/iptables';
import { endpointLabel, serviceChain } from './names.ts';
import { hasOwnChain, type ServiceContext } from './context.ts';
import { endpointComment, protocolName } from './frontend-match.ts';
import { withHairpin } from './hairpin.ts';
import { clusterMasqueradeRules } from './masquerade.ts';
import { affinityRules, rememberClient } from './session-affinity.ts';

export const BALANCING: BalancingSupport = { algorithms: ['random'], default: 'random', weights: true };

/** KUBE-SVC-… or KUBE-SVL-…: the masquerade rules, the affinity rules, and for each endpoint a probability by its weight. */
export function balancingChain(
  service: DesiredServicePort,
  target: 'cluster' | 'local',
  context: ServiceContext,
): Chain {
  const endpoints = endpointsOf(service, target);
  return {
    table: 'nat',
    name: serviceChain(target, service.name),
    rules: [
      ...clusterMasqueradeRules(service, target, context),
      ...affinityRules(service, endpoints, context),
      ...chanceRules(service, endpoints, context),
    ],
  };
}

export function endpointsOf(
  service: DesiredServicePort,
  target: 'cluster' | 'local',
): readonly DesiredEndpoint[] {
  return target === 'cluster' ? service.clusterEndpoints : service.localEndpoints;
}

/**
 * Each endpoint gets its weight divided by the weights that are left, of what is left; the last one all of the rest. With equal
 * weights: 1/n, then 1/(n-1), …
 */
function chanceRules(
  service: DesiredServicePort,
  endpoints: readonly DesiredEndpoint[],
  context: ServiceContext,
): readonly TypedRule[] {
  const label = servicePortLabel(service.name);
  let left = endpoints.reduce((sum, { weight = DEFAULT_WEIGHT }) => sum + weight, 0);
  return endpoints.map((endpoint) => {
    const { weight = DEFAULT_WEIGHT } = endpoint;
    const chance: readonly Match[] = left > weight ? [shareOf(weight, left)] : [];
    left -= weight;
    const words = endpointComment(`${label} -> ${endpointLabel(endpoint)}`, context);
    if (hasOwnChain(service, endpoint, context)) {
      return rule([...words, ...chance], jump(context.endpointChain(endpoint)));
    }
    return rule([protocolOf(service), ...words, ...chance], redirectTo(endpoint));
  });
}

/** KUBE-SEP-…: rewrites the destination. */
export function endpointChainOf(
  service: DesiredServicePort,
  endpoint: DesiredEndpoint,
  context: ServiceContext,
): Chain {
  const name = context.endpointChain(endpoint);
  const label = endpointComment(servicePortLabel(service.name), context);
  const words = [protocolOf(service), ...label, ...rememberClient(service, name)];
  const redirect = rule(words, redirectTo(endpoint));
  return { table: 'nat', name, ...withHairpin(endpoint, label, redirect) };
}

function protocolOf({ name }: DesiredServicePort): Match {
  return { kind: 'protocol', protocol: protocolName(name.protocol) };
}

function redirectTo({ address, port }: DesiredEndpoint): Target {
  return { kind: 'dnat', address, port };
}
