/** Names of chains. Those with `/` are per service or shared between services; the others are kube-proxy's stock chains. */
import { nftablesEndpointName, nftablesServiceName } from '@signalbox/backend-kit';
import type { ServicePortName } from '@signalbox/core';

export const CHAIN = {
  filterPrerouting: 'filter-prerouting-pre-dnat',
  filterOutputPreDNAT: 'filter-output-pre-dnat',
  filterInput: 'filter-input',
  filterForward: 'filter-forward',
  filterOutput: 'filter-output',
  natPrerouting: 'nat-prerouting',
  natOutput: 'nat-output',
  natPostrouting: 'nat-postrouting',
  services: 'services',
  firewallCheck: 'firewall-check',
  serviceEndpointsCheck: 'service-endpoints-check',
  nodePortEndpointsCheck: 'nodeport-endpoints-check',
  clusterIPsCheck: 'cluster-ips-check',
  masquerading: 'masquerading',
  reject: 'reject-chain',
  /** One rule for the source ranges of all services. */
  firewallRanges: 'firewall/ranges',
} as const;

/** Chains of a Service with session affinity have the names that kube-proxy gives them, so that either adopts them. */
export function affinityChains(name: ServicePortName) {
  const base = nftablesServiceName(name);
  return { cluster: `service-${base}`, local: `local-${base}`, external: `external-${base}` } as const;
}

export function affinityEndpoint(name: ServicePortName, endpoint: { address: string; port: number }) {
  const base = nftablesEndpointName(name, endpoint);
  return { chain: `endpoint-${base}`, set: `affinity-${base}` } as const;
}
