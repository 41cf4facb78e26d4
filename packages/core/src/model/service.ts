import type { BalancingAlgorithm } from './balancing.ts';
import type { SessionAffinity, SpecifiedFailover, TrafficPolicy, WindowsOptions } from './service-policy.ts';
import type { Family } from './family.ts';
import type { ConnectionPolicy } from './connection-policy.ts';
import type { ObjectKey, ServicePortKey, ServicePortName } from './service-port-name.ts';
import type { ProxyProtocol } from './proxy-protocol.ts';

/** The fields of one port of a Service that the proxy uses. */
export interface ServicePortModel {
  readonly key: ServicePortKey;
  readonly name: ServicePortName;
  /** 1-65535. */
  readonly port: number;
  /** 0: none is allocated. */
  readonly nodePort: number;
}

/** The addresses of a Service in one family. All canonical, none of them in two of the fields. */
export interface ServiceAddresses {
  readonly clusterIP: string;
  readonly externalIPs: readonly string[];
  /** Of ingress entries in VIP mode. */
  readonly loadBalancerIPs: readonly string[];
  /** Canonical CIDRs; empty: every source may connect. */
  readonly sourceRanges: readonly string[];
}

/** `ExternalName` Services are not served. */
export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer';

/** Why a Service is not served at all. */
export type IgnoredService =
  'external-name' | 'other-proxy' | 'headless' | 'no-cluster-ip' | 'no-usable-address' | 'no-usable-port';

/** The fields of a Service that the proxy uses. Services that it does not serve have no model. */
export interface ServiceModel {
  readonly key: ObjectKey;
  readonly type: ServiceType;
  /** RFC 3339; empty if unknown. Of two Services that specify one address, the older one has it. */
  readonly created: string;
  readonly ports: readonly ServicePortModel[];
  /** Only the families in which the service has a cluster IP. */
  readonly addresses: Readonly<Partial<Record<Family, ServiceAddresses>>>;
  readonly internalPolicy: TrafficPolicy;
  /** `local` only where the policy applies: S1. */
  readonly externalPolicy: TrafficPolicy;
  /** Null: the Service does not specify one. */
  readonly externalFailover: SpecifiedFailover | null;
  readonly affinity: SessionAffinity | null;
  /** `null`: the default of the proxy mode. */
  readonly balancing: BalancingAlgorithm | null;
  /** 0: no health check is served. */
  readonly healthCheckNodePort: number;
  /** Null: endpoints do not get the address of the client. */
  readonly proxyProtocol: ProxyProtocol | null;
  /** Labelled as headless: its endpoints are not used (S29). */
  readonly headless: boolean;
  readonly windows: WindowsOptions;
  /** Null: no annotation sets a part of it. */
  readonly connections: ConnectionPolicy | null;
}
