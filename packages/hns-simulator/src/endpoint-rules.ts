/** What HNS checks before it makes or removes an endpoint. */
import { canonical, inPrefix, sameAddress } from './addresses.ts';
import { ENDPOINT_REMOTE, type EndpointDocument, type NetworkDocument } from './documents.ts';
import { HcnFault, HR } from './hresult.ts';
import { idKey } from './ids.ts';
import type { HnsState } from './state.ts';

const MAC = /^[0-9a-f]{2}([-:][0-9a-f]{2}){5}$/i;

function isRemote(endpoint: EndpointDocument): boolean {
  return ((endpoint.Flags ?? 0) & ENDPOINT_REMOTE) !== 0;
}

export function addressesOf(endpoint: EndpointDocument): readonly string[] {
  return (endpoint.IpConfigurations ?? []).map((entry) => canonical(entry.IpAddress));
}

export function checkEndpoint(state: HnsState, network: NetworkDocument, endpoint: EndpointDocument): void {
  const addresses = addressesOf(endpoint);
  if (addresses.length === 0) throw new HcnFault(HR.invalidIpAddress, 'no IP configuration');
  if (endpoint.MacAddress !== undefined && !MAC.test(endpoint.MacAddress)) {
    throw new HcnFault(HR.invalidArgument, `MAC address ${endpoint.MacAddress}`);
  }
  for (const address of addresses) checkAddress(state, network, endpoint, address);
  if (isRemote(endpoint) && network.Type === 'Overlay') requireProviderAddress(endpoint);
}

function checkAddress(
  state: HnsState,
  network: NetworkDocument,
  endpoint: EndpointDocument,
  address: string,
): void {
  for (const other of state.endpoints.values()) {
    const taken = addressesOf(other).some((used) => sameAddress(used, address));
    const shared = state.options.sharedAddresses && isRemote(other) !== isRemote(endpoint);
    if (taken && !shared && idKey(other.HostComputeNetwork) === idKey(network.ID)) {
      throw new HcnFault(HR.objectExists, `${address} is the address of endpoint ${other.ID}`);
    }
  }
  // The subnets of a network are those of this host: what is on other hosts cannot lie in them.
  if (isRemote(endpoint)) return;
  const subnets = (network.Ipams ?? []).flatMap((ipam) => ipam.Subnets ?? []);
  const subnet = subnets.find((entry) => inPrefix(entry.IpAddressPrefix, address));
  if (subnets.length === 0) throw new HcnFault(HR.subnetNotFound);
  if (subnet === undefined) throw new HcnFault(HR.invalidIpAddress, address);
  const reserved = (subnet.Routes ?? []).map((route) => route.NextHop);
  if (reserved.some((hop) => sameAddress(hop, address))) throw new HcnFault(HR.addressReserved, address);
}

function requireProviderAddress(endpoint: EndpointDocument): void {
  const policy = (endpoint.Policies ?? []).find((entry) => entry.Type === 'ProviderAddress');
  const provider = policy?.Settings['ProviderAddress'];
  if (typeof provider !== 'string' || provider === '') {
    throw new HcnFault(HR.invalidPolicy, 'a remote endpoint of an overlay network needs a ProviderAddress');
  }
}

export function checkUnreferenced(state: HnsState, id: string): void {
  for (const balancer of [...state.loadBalancers.values(), ...state.hidden.values()]) {
    if (balancer.HostComputeEndpoints.some((used) => idKey(used) === idKey(id))) {
      throw new HcnFault(HR.hasReferences, `load balancer ${balancer.ID}`);
    }
  }
}
