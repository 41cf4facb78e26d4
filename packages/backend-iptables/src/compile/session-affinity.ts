/**
 * Affinity by `-m recent`: a kernel list of client addresses per endpoint chain, named like the chain.
 * A list holds 100 clients unless the module option `ip_list_tot` says more; the oldest is then forgotten.
 */
import type { DesiredEndpoint, DesiredServicePort } from '@signalbox/core';
import { servicePortLabel } from '@signalbox/core';
import { jump, type Match, rule, type TypedRule } from '@signalbox/iptables';
import { endpointLabel } from './names.ts';
import type { ServiceContext } from './context.ts';
import { endpointComment } from './frontend-match.ts';

/** Ahead of the choice by chance: who is on an endpoint's list goes there again (S31). */
export function affinityRules(
  service: DesiredServicePort,
  endpoints: readonly DesiredEndpoint[],
  context: ServiceContext,
): readonly TypedRule[] {
  const seconds = service.affinity?.timeoutSeconds;
  if (seconds === undefined) return [];
  const label = servicePortLabel(service.name);
  return endpoints.map((endpoint) => {
    const chain = context.endpointChain(endpoint);
    const seen: Match = { kind: 'recent', name: chain, operation: 'rcheck', seconds, reap: true };
    const words = endpointComment(`${label} -> ${endpointLabel(endpoint)}`, context);
    return rule([...words, seen], jump(chain));
  });
}

/** In the endpoint's chain: notes the client, anew with each connection. */
export function rememberClient(service: DesiredServicePort, chain: string): readonly Match[] {
  return service.affinity === null ? [] : [{ kind: 'recent', name: chain, operation: 'set' }];
}
