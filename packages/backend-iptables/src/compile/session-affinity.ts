/**
 * Affinity by `-m recent`: a kernel list of client addresses per endpoint chain, with the name of the chain.
 * A list has 100 clients unless the module option `ip_list_tot` sets another number; the oldest is removed first.
 */
import type { DesiredEndpoint, DesiredServicePort } from '@signalbox/core';
import { servicePortLabel } from '@signalbox/core';
import { jump, type Match, rule, type TypedRule } from '@signalbox/iptables';
import { endpointLabel } from './names.ts';
import type { ServiceContext } from './context.ts';
import { endpointComment } from './frontend-match.ts';

/** Before the random choice: a client on an endpoint's list goes to that endpoint again (S31). */
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

/** In the endpoint's chain: records the client, again with each connection. */
export function rememberClient(service: DesiredServicePort, chain: string): readonly Match[] {
  return service.affinity === null ? [] : [{ kind: 'recent', name: chain, operation: 'set' }];
}
