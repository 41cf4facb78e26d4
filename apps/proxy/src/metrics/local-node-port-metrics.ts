import type { Family } from '@signalbox/core';
import type { Counter, Gauge, Registry } from './registry.ts';

export interface LocalNodePortMetrics {
  readonly localListeners: Gauge;
  readonly localListenerFailures: Counter;
  readonly localRejectedPackets: Gauge;
}

/** Names of kube-proxy 1.37. */
export function localNodePortMetrics(registry: Registry): LocalNodePortMetrics {
  const name = (rest: string): string => `kubeproxy_nftables_localhost_nodeport_${rest}`;
  const labels = ['ip_family'];
  return {
    localListeners: registry.gauge({
      name: name('listeners'),
      help: '[ALPHA] Node ports served at the loopback address',
      labels,
    }),
    localListenerFailures: registry.counter({
      name: name('listener_creation_failures_total'),
      help: '[ALPHA] Failed attempts to serve a node port at the loopback address',
      labels,
    }),
    localRejectedPackets: registry.gauge({
      name: name('rejected_packets_total'),
      help: '[ALPHA] Packets rejected at node ports at the loopback addresses: UDP and SCTP are not served there',
      labels: ['ip_family', 'protocol'],
      as: 'counter',
    }),
  };
}

/** The kernel counts; the values are read at each scrape. */
export function registerRejectedPackets(
  registry: Registry,
  { localRejectedPackets }: LocalNodePortMetrics,
  current: () => ReadonlyMap<
    Family,
    { readonly rejectedPackets?: () => Promise<ReadonlyMap<string, number>> }
  >,
): void {
  registry.onCollect(async () => {
    for (const [family, { rejectedPackets }] of current()) {
      const packets = (await rejectedPackets?.()) ?? [];
      for (const [protocol, count] of packets)
        localRejectedPackets.set(count, { ip_family: family, protocol });
    }
  });
}
