/** What HNS checks before it makes or changes a load balancer. */
import { canonical, familyOf } from './addresses.ts';
import { LOAD_BALANCER_DSR, LOAD_BALANCER_IPV6, type LoadBalancerDocument } from './documents.ts';
import { addressesOf } from './endpoint-rules.ts';
import { HcnFault, HR } from './hresult.ts';
import { idKey } from './ids.ts';
import { atLeast, type HnsState } from './state.ts';

export function isDsr(balancer: LoadBalancerDocument): boolean {
  return ((balancer.Flags ?? 0) & LOAD_BALANCER_DSR) !== 0;
}

export function balancerFamily(balancer: LoadBalancerDocument): 'ipv4' | 'ipv6' {
  return ((balancer.Flags ?? 0) & LOAD_BALANCER_IPV6) === 0 ? 'ipv4' : 'ipv6';
}

/** One text per VIP, protocol and port; without VIPs the host's own addresses of the family are meant. */
function claimsOf(balancer: LoadBalancerDocument): readonly string[] {
  const vips = balancer.FrontendVIPs ?? [];
  const places = vips.length === 0 ? [`host-${balancerFamily(balancer)}`] : vips.map(canonical);
  return places.flatMap((place) =>
    balancer.PortMappings.map((mapping) => `${place} ${mapping.Protocol} ${mapping.ExternalPort}`),
  );
}

/** `id`: the load balancer being changed, which does not conflict with itself; empty for a new one. */
export function checkLoadBalancer(state: HnsState, balancer: LoadBalancerDocument, id: string): void {
  checkShape(state, balancer);
  checkEndpoints(state, balancer);
  checkFamilies(state, balancer);
  checkConflicts(state, balancer, id);
}

function checkShape(state: HnsState, balancer: LoadBalancerDocument): void {
  if (!Array.isArray(balancer.PortMappings) || balancer.PortMappings.length === 0) {
    throw new HcnFault(HR.invalidPolicy, 'no port mapping');
  }
  for (const mapping of balancer.PortMappings) {
    if (!(mapping.InternalPort > 0)) throw new HcnFault(HR.invalidInternalPort);
    if (![6, 17, 132].includes(mapping.Protocol)) {
      throw new HcnFault(HR.invalidPolicy, `protocol ${mapping.Protocol}`);
    }
  }
  const { version, maxDestinations } = state.options;
  const count = balancer.HostComputeEndpoints?.length ?? 0;
  if (isDsr(balancer) && !supportsDsr(version)) throw new HcnFault(HR.notSupported, 'direct server return');
  if (count === 0) throw new HcnFault(HR.invalidArgument, 'no endpoints');
  if (maxDestinations > 0 && count > maxDestinations && !isDsr(balancer)) {
    throw new HcnFault(
      HR.invalidArgument,
      'Unable to initialize VFP LB rule: invalid number of destinations',
    );
  }
}

function supportsDsr(version: HnsState['options']['version']): boolean {
  const early = version.major === 9 && version.minor >= 3;
  return early || atLeast(version, 10, 2);
}

function checkEndpoints(state: HnsState, balancer: LoadBalancerDocument): void {
  const networks = new Set<string>();
  for (const id of balancer.HostComputeEndpoints) {
    const endpoint = state.endpoints.get(idKey(id));
    if (endpoint === undefined) throw new HcnFault(HR.endpointNotFound, id);
    networks.add(idKey(endpoint.HostComputeNetwork));
  }
  if (networks.size > 1) throw new HcnFault(HR.invalidPolicy, 'endpoints of more than one network');
}

function checkFamilies(state: HnsState, balancer: LoadBalancerDocument): void {
  const family = balancerFamily(balancer);
  const wrong = (balancer.FrontendVIPs ?? []).find((vip) => familyOf(vip) !== family);
  if (wrong !== undefined) throw new HcnFault(HR.invalidPolicy, `VIP ${wrong} in a policy of ${family}`);
  for (const id of balancer.HostComputeEndpoints) {
    const endpoint = state.endpoints.get(idKey(id));
    const fits = endpoint !== undefined && addressesOf(endpoint).some((ip) => familyOf(ip) === family);
    if (!fits) throw new HcnFault(HR.invalidPolicy, `endpoint ${id} has no ${family} address`);
  }
}

function checkConflicts(state: HnsState, balancer: LoadBalancerDocument, id: string): void {
  const claims = new Set(claimsOf(balancer));
  const overlaps = (other: LoadBalancerDocument): boolean =>
    claimsOf(other).some((claim) => claims.has(claim));
  const held = [...state.loadBalancers.values()].filter((other) => idKey(other.ID) !== idKey(id));
  if (held.some(overlaps)) throw new HcnFault(HR.portAlreadyExists);
  if ([...state.hidden.values()].some(overlaps)) throw new HcnFault(HR.alreadyExists);
  const hostPorts = (balancer.FrontendVIPs ?? []).length === 0 || state.options.listenersBlockVips;
  const listened = balancer.PortMappings.some((mapping) =>
    state.listeners.has(`${mapping.Protocol}:${mapping.ExternalPort}`),
  );
  if (hostPorts && listened) throw new HcnFault(HR.portAlreadyExists, 'a process listens on it');
}
