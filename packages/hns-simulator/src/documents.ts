/** The JSON documents of the HCN schema 2.0, as far as the simulator reads them. */
export interface PolicyDocument {
  readonly Type: string;
  readonly Settings: Readonly<Record<string, unknown>>;
}

export interface SubnetDocument {
  readonly IpAddressPrefix: string;
  readonly Routes?: readonly { readonly NextHop: string; readonly DestinationPrefix: string }[];
}

export interface NetworkDocument {
  readonly ID: string;
  readonly Name: string;
  /** `L2Bridge`, `Overlay`, …; left out for NAT. */
  readonly Type?: string;
  readonly Policies?: readonly PolicyDocument[];
  readonly Ipams?: readonly { readonly Type?: string; readonly Subnets?: readonly SubnetDocument[] }[];
}

export interface EndpointDocument {
  readonly ID: string;
  readonly Name?: string;
  readonly HostComputeNetwork: string;
  readonly IpConfigurations?: readonly { readonly IpAddress: string; readonly PrefixLength?: number }[];
  readonly MacAddress?: string;
  readonly Policies?: readonly PolicyDocument[];
  /** 1: on another host. */
  readonly Flags?: number;
}

export interface PortMappingDocument {
  readonly Protocol: number;
  readonly InternalPort: number;
  readonly ExternalPort: number;
  /** 0 five-tuple, 1 source address and protocol, 2 source address. */
  readonly DistributionType?: number;
  /** 1 internal, 2 local routed VIP, 4 mux, 8 preserve destination, 16 VIP is external. */
  readonly Flags?: number;
}

export interface LoadBalancerDocument {
  readonly ID: string;
  readonly HostComputeEndpoints: readonly string[];
  readonly SourceVIP?: string;
  readonly FrontendVIPs?: readonly string[];
  readonly PortMappings: readonly PortMappingDocument[];
  /** 1 direct server return, 2 IPv6. */
  readonly Flags?: number;
}

export const LOAD_BALANCER_DSR = 1;
export const LOAD_BALANCER_IPV6 = 2;
export const ENDPOINT_REMOTE = 1;
