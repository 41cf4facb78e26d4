/** The virtual filtering platform as a function: where a packet may go under the load balancers installed. */
import { canonical, familyOf, sameAddress } from './addresses.ts';
import type { LoadBalancerDocument, PortMappingDocument } from './documents.ts';
import { addressesOf } from './endpoint-rules.ts';
import { idKey } from './ids.ts';
import { balancerFamily, isDsr } from './load-balancer-rules.ts';
import type { HnsState } from './state.ts';

export interface HnsPacket {
  /** IANA number: TCP 6, UDP 17, SCTP 132. */
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly destinationPort: number;
}

export interface HnsDestination {
  readonly address: string;
  readonly port: number;
  /** The endpoint sees an address of this host as the source. */
  readonly fromHost: boolean;
}

export interface HnsRoute {
  readonly loadBalancer: string;
  /** Sorted by `address:port` as text. */
  readonly destinations: readonly HnsDestination[];
  /** One client keeps one destination. */
  readonly sticky: boolean;
}

/** `null`: no load balancer matches, the packet goes on as it is. */
export function routePacket(state: HnsState, packet: HnsPacket): HnsRoute | null {
  for (const balancer of [...state.loadBalancers.values(), ...state.hidden.values()]) {
    const mapping = balancer.PortMappings.find((entry) => matches(state, balancer, entry, packet));
    if (mapping !== undefined) return routeThrough(state, balancer, mapping, packet);
  }
  return null;
}

function matches(
  state: HnsState,
  balancer: LoadBalancerDocument,
  mapping: PortMappingDocument,
  packet: HnsPacket,
): boolean {
  if (mapping.Protocol !== packet.protocol || mapping.ExternalPort !== packet.destinationPort) return false;
  if (familyOf(packet.destination) !== balancerFamily(balancer)) return false;
  const vips = balancer.FrontendVIPs ?? [];
  const places = vips.length > 0 ? vips : state.options.hostAddresses.filter((ip) => !isLoopback(ip));
  return places.some((place) => sameAddress(place, packet.destination));
}

/** Loopback traffic never reaches the virtual switch. */
function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function routeThrough(
  state: HnsState,
  balancer: LoadBalancerDocument,
  mapping: PortMappingDocument,
  packet: HnsPacket,
): HnsRoute {
  const family = balancerFamily(balancer);
  const ownSource = state.options.hostAddresses.some((address) => sameAddress(address, packet.source));
  // Direct server return keeps the client's address; without it replies must come back through this host.
  const fromHost = ownSource || !isDsr(balancer);
  const destinations = balancer.HostComputeEndpoints.flatMap((id) => {
    const endpoint = state.endpoints.get(idKey(id));
    const address = endpoint && addressesOf(endpoint).find((ip) => familyOf(ip) === family);
    return address === undefined
      ? []
      : [{ address: canonical(address), port: mapping.InternalPort, fromHost }];
  });
  const text = (entry: HnsDestination): string => `${entry.address}:${entry.port}`;
  destinations.sort((left, right) => (text(left) < text(right) ? -1 : 1));
  return { loadBalancer: balancer.ID, destinations, sticky: mapping.DistributionType === 2 };
}
