/**
 * The JSON documents of the Host Compute Network API, schema 2.0, as far as a service proxy reads and writes them.
 * Fields whose value is zero or empty are left out by both sides.
 */

/** Version of the schema of a document. */
export interface SchemaVersion {
  readonly Major: number;
  readonly Minor: number;
}

/** The schema version of every document that is sent. */
export const SCHEMA_VERSION: SchemaVersion = { Major: 2, Minor: 0 };

/** A policy of a network or endpoint; `Type` (`RemoteSubnetRoute`, `ProviderAddress`) determines the fields of `Settings`. */
export interface HcnPolicy {
  readonly Type: string;
  readonly Settings: Readonly<Record<string, unknown>>;
}

/** A network as HNS lists it; `ID` is a GUID. */
export interface HcnNetwork {
  readonly ID: string;
  readonly Name: string;
  /** `L2Bridge`, `Overlay`, `L2Tunnel`, …; absent for NAT. */
  readonly Type?: string;
  readonly Policies?: readonly HcnPolicy[];
}

/** An endpoint as HNS lists it: an address on a network. */
export interface HcnEndpoint {
  readonly ID: string;
  readonly Name?: string;
  /** Id of its network. */
  readonly HostComputeNetwork: string;
  readonly IpConfigurations?: readonly { readonly IpAddress: string; readonly PrefixLength?: number }[];
  /** `02-11-0a-f4-02-07`. */
  readonly MacAddress?: string;
  readonly Policies?: readonly HcnPolicy[];
  /** `ENDPOINT_FLAGS`. */
  readonly Flags?: number;
  readonly SchemaVersion?: SchemaVersion;
}

/** What is sent to create an endpoint. `Dns` and `Health` are sent empty, because Microsoft's own client always sends them. */
export type HcnEndpointSettings = Omit<HcnEndpoint, 'ID'> & {
  readonly Dns: object;
  readonly Health: object;
};

/** The protocol and ports of a load balancer. */
export interface HcnPortMapping {
  /** IANA number: TCP 6, UDP 17, SCTP 132. */
  readonly Protocol: number;
  /** The port of the endpoints. */
  readonly InternalPort: number;
  /** The port clients connect to. */
  readonly ExternalPort: number;
  /** `DISTRIBUTION`. */
  readonly DistributionType?: number;
  /** `PORT_MAPPING_FLAGS`. */
  readonly Flags?: number;
}

/** The document that creates or modifies a load balancer. */
export interface HcnLoadBalancerSettings {
  /** Ids of HCN endpoints. */
  readonly HostComputeEndpoints: readonly string[];
  /** Source of forwarded connections where the client's is not kept (overlay networks only). */
  readonly SourceVIP?: string;
  /** Absent: every address of the host. */
  readonly FrontendVIPs?: readonly string[];
  /** Protocol and ports; HNS accepts several. */
  readonly PortMappings: readonly HcnPortMapping[];
  /** Version of the HCN schema. */
  readonly SchemaVersion: SchemaVersion;
  /** `LOAD_BALANCER_FLAGS`. */
  readonly Flags?: number;
}

/** A load balancer as HNS lists it. */
export interface HcnLoadBalancer extends Omit<HcnLoadBalancerSettings, 'SchemaVersion'> {
  readonly ID: string;
  readonly SchemaVersion?: SchemaVersion;
}

/** Bits of `HcnEndpoint.Flags`; remote: an endpoint on another node. */
export const ENDPOINT_FLAGS = { none: 0, remote: 1 } as const;

/** Bits of `HcnLoadBalancer.Flags`. */
export const LOAD_BALANCER_FLAGS = {
  none: 0,
  /** Replies go directly to the client; the endpoint sees the client's address (direct server return). */
  dsr: 1,
  ipv6: 2,
} as const;

/** Bits of `HcnPortMapping.Flags`. */
export const PORT_MAPPING_FLAGS = {
  none: 0,
  internalLoadBalancer: 1,
  localRoutedVip: 2,
  useMux: 4,
  /** The endpoint sees the VIP as the destination. */
  preserveDip: 8,
  vipExternalIp: 16,
} as const;

/** Values of `HcnPortMapping.DistributionType`: the packet fields by which HNS selects an endpoint. */
export const DISTRIBUTION = { fiveTuple: 0, sourceIPProtocol: 1, sourceIP: 2 } as const;
