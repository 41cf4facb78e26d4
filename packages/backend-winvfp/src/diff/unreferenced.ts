/** Owned remote endpoints that no load balancer needs any more. */
import type { Family } from '@signalbox/core';
import { addressKey } from '../objects/address.ts';
import { endpointOfFamily, type HeldEndpoint, type HeldState } from './held-state.ts';

/** `keep`: addresses that need an endpoint independently of load balancers (service VIPs, the source VIP). */
export function unreferencedEndpoints(
  held: HeldState,
  family: Family,
  keep: ReadonlySet<string>,
): readonly HeldEndpoint[] {
  const kept = new Set([...keep].map(addressKey));
  return [...held.unreferenced()].filter((endpoint) => {
    if (!endpointOfFamily(endpoint, family)) return false;
    const desired = endpoint.addresses.some((address) => kept.has(address));
    return !desired || isShadowed(endpoint, held);
  });
}

/** A remote endpoint beside a local endpoint with the same address (Windows Server 2019 and 2022 allow both). */
function isShadowed(endpoint: HeldEndpoint, held: HeldState): boolean {
  const texts = (endpoint.document.IpConfigurations ?? []).map((entry) => entry.IpAddress);
  return endpoint.remote && texts.some((text) => held.byAddress(text)?.id !== endpoint.id);
}
