import type { DesiredState } from './desired-state.ts';

/** An external or load-balancer IP of a Service that is also the address of an endpoint of any Service. */
export interface SharedExternalAddress {
  /** Of the Service, as `name`. */
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
}

/**
 * External and load-balancer IPs that are the address of another node or of a pod. The evidence is endpoints, ready or not:
 * those of a pod in the network of its node have the address of the node. `own`: addresses of this node, which stay reachable.
 */
export function sharedExternalAddresses(
  { servicePorts }: Pick<DesiredState, 'servicePorts'>,
  endpointAddresses: () => Iterable<string>,
  own: ReadonlySet<string>,
): readonly SharedExternalAddress[] {
  const candidates = new Map<string, Map<string, SharedExternalAddress>>();
  for (const { name: id, frontends } of servicePorts.values()) {
    for (const frontend of frontends) {
      if (frontend.kind !== 'external-ip' && frontend.kind !== 'load-balancer') continue;
      const { address } = frontend;
      if (own.has(address)) continue;
      const services = candidates.get(address) ?? new Map<string, SharedExternalAddress>();
      candidates.set(address, services);
      services.set(`${id.namespace}/${id.name}`, { namespace: id.namespace, name: id.name, address });
    }
  }
  // Most clusters have none, and many endpoints.
  if (candidates.size === 0) return [];
  const shared = new Map<string, readonly SharedExternalAddress[]>();
  for (const address of endpointAddresses()) {
    const services = candidates.get(address);
    if (services !== undefined) shared.set(address, [...services.values()]);
  }
  return [...shared.values()].flat();
}
