/**
 * Whose connections get an address of this node as their source (S35, S36). Frontends say it by the set they
 * are in; the rules that read the sets are in packet-filter.ts.
 */
import type { DesiredNode, Frontend } from '@signalbox/core';
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
  return last.target !== 'reject' || frontend.policy === 'local' ? 'from-node' : 'always';
}
