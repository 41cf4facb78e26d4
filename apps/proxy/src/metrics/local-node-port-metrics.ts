import type { Counter, Gauge, Registry } from './registry.ts';

export interface LocalNodePortMetrics {
  readonly localListeners: Gauge;
  readonly localListenerFailures: Counter;
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
  };
}
