/**
 * Whose connections get an address of this node as their source (S35-S37). Frontends say it by the set they
 * are in; the rules that read the sets are in packet-filter.ts.
 */
import {
  mayReachItself,
  type DesiredEndpoint,
  type DesiredNode,
  type DesiredServicePort,
  type Frontend,
} from '@signalbox/core';
import type { PlacedEntry } from './ip-sets.ts';
import { isServed, lastRoute } from './no-endpoints.ts';

/**
 * Connections to cluster IPs, one rule for the node:
 * - `all`: `--masquerade-all`.
 * - `not-local-pods`: those that no pod of this node opened; needs a detector.
 * - `service-addresses`: those whose source is itself a service address. A process of the node that connects to
 *   an address on the dummy device has that very address as its source, and no endpoint could answer it.
 */
export type ClusterMasquerade = 'all' | 'not-local-pods' | 'service-addresses';

export function clusterMasquerade({ clusterIPMasquerade }: DesiredNode): ClusterMasquerade {
  return clusterIPMasquerade === 'none' ? 'service-addresses' : clusterIPMasquerade;
}

/** External frontends: every connection, or only those of the node itself (Local policy keeps the client). */
export function externalMasquerade(frontend: Frontend): 'always' | 'from-node' {
  const last = lastRoute(frontend);
  if (isServed(last)) return last.masquerade ? 'always' : 'from-node';
  if (last.target === 'drop') return 'from-node';
  return frontend.policy === 'local' ? 'from-node' : 'always';
}

/** Endpoints that may connect to themselves through the service, chosen or not, ready or not. */
export function hairpinEntries(servicePort: DesiredServicePort): readonly PlacedEntry[] {
  const { protocol } = servicePort.name;
  const local = new Map<string, DesiredEndpoint>();
  for (const endpoints of endpointSets(servicePort)) {
    for (const endpoint of endpoints) {
      if (mayReachItself(endpoint)) local.set(`${endpoint.address} ${endpoint.port}`, endpoint);
    }
  }
  return [...local.values()].map(({ address, port }) => ({
    set: 'LOOP-BACK',
    entry: { kind: 'address-port-address', address, protocol, port, second: address },
  }));
}

function endpointSets(servicePort: DesiredServicePort): readonly (readonly DesiredEndpoint[])[] {
  return [servicePort.clusterEndpoints, servicePort.localEndpoints, servicePort.servingEndpoints];
}
