import { isEndpointSet, type DesiredEndpoint, type DesiredServicePort } from '@signalbox/core';
import type { Chain } from '@signalbox/iptables';
import { endpointChain } from './names.ts';
import { hasOwnChain, type CompileContext, type ServiceContext } from './context.ts';
import { balancingChain, endpointChainOf, endpointsOf } from './load-balancing.ts';
import { compileEntries } from './routes.ts';
import { dispatchEntries, type ServiceEntries } from './service-dispatch.ts';
import { compileFirewalls } from './source-ranges.ts';

/** The rules of one service port: its own chains, and its entries in the dispatch trees. */
export interface ServiceRules {
  /** A chain comes after the chains that it jumps to. */
  readonly chains: readonly Chain[];
  readonly entries: ServiceEntries;
}

/** Names of chains by `address port`, of one service port: a hash is expensive, and several rules need it. */
export type EndpointNames = Map<string, string>;

/** `names`: passed in where the same service port is compiled twice. */
export function compileService(
  service: DesiredServicePort,
  node: CompileContext,
  names: EndpointNames = new Map(),
): ServiceRules {
  const context: ServiceContext = { ...node, endpointChain: rememberNames(service, names) };
  const targets = usedTargets(service);
  const entries = compileEntries(service, context);
  const firewalls = compileFirewalls(service);
  const dispatch = dispatchEntries({ service, entries, firewalls }, context);
  const endpoints = distinct(targets.flatMap((target) => endpointsOf(service, target)));
  return {
    chains: [
      ...endpoints
        .filter((endpoint) => hasOwnChain(service, endpoint, context))
        .map((endpoint) => endpointChainOf(service, endpoint, context)),
      ...targets.map((target) => balancingChain(service, target, context)),
      ...entries.chains,
      ...firewalls.chains(),
    ],
    entries: dispatch,
  };
}

function rememberNames(service: DesiredServicePort, names: EndpointNames): ServiceContext['endpointChain'] {
  return (endpoint) => {
    const key = `${endpoint.address} ${endpoint.port}`;
    const name = names.get(key) ?? endpointChain(service.name, endpoint);
    names.set(key, name);
    return name;
  };
}

function usedTargets(service: DesiredServicePort): readonly ('cluster' | 'local')[] {
  const used = new Set(service.frontends.flatMap(({ routes }) => routes.map(({ target }) => target)));
  return (['cluster', 'local'] as const).filter((target) => used.has(target) && isEndpointSet(target));
}

function distinct(endpoints: readonly DesiredEndpoint[]): readonly DesiredEndpoint[] {
  const seen = new Map(endpoints.map((endpoint) => [`${endpoint.address} ${endpoint.port}`, endpoint]));
  return [...seen.values()];
}
