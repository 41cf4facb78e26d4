/** Desired objects, before HNS has assigned ids to them. */
import type { DesiredNode, Family, ServicePortKey } from '@signalbox/core';
import type { HcnEndpointSettings, HcnLoadBalancerSettings } from './hcn-documents.ts';
import type { HnsFeatures } from './hns-version.ts';

/** A route of an overlay network to the pods of another node. */
export interface RemoteSubnet {
  /** `10.244.2.0/24`. */
  readonly prefix: string;
  /** The address of the node that carries it. */
  readonly providerAddress: string;
}

/** Everything besides the service that its objects depend on. Plain data: compared as JSON. */
export interface CompileContext {
  readonly family: Family;
  readonly features: HnsFeatures;
  /** Id of the network; `overlay`: its type decides about source VIPs and provider addresses. */
  readonly network: {
    readonly id: string;
    readonly overlay: boolean;
    readonly remoteSubnets: readonly RemoteSubnet[];
  };
  readonly enableDSR: boolean;
  /** Overlay only; empty elsewhere. */
  readonly sourceVip: string;
  readonly nodeIP: string;
  /** MAC address of the interface that carries `nodeIP`; overlay only. */
  readonly hostMac: string;
  /** `null`: health checks of load balancers are not forwarded. */
  readonly healthCheckVip: { readonly endpointName: string; readonly healthzPort: number } | null;
  readonly nodePorts: DesiredNode['nodePortAddresses'];
}

/** An endpoint that this backend creates; the CNI plug-in creates those of local pods. */
export interface DesiredHnsEndpoint {
  readonly id: string;
  readonly address: string;
  readonly settings: HcnEndpointSettings;
}

export type EndpointRef =
  | { readonly kind: 'local'; readonly address: string }
  | { readonly kind: 'remote'; readonly address: string; readonly endpoint: DesiredHnsEndpoint }
  /** The endpoint with this name, whatever its address. */
  | { readonly kind: 'named'; readonly name: string };

/** As in the labels of kube-proxy's metrics. */
export type LoadBalancerType = 'clusterip' | 'nodeport' | 'externalip' | 'ingressip' | 'healthcheck';

export interface DesiredLoadBalancer {
  readonly id: string;
  readonly type: LoadBalancerType;
  /** `10.96.0.10:80/tcp`, `*:30080/tcp`: no two load balancers of a family may share it. */
  readonly frontend: string;
  readonly owner: ServicePortKey;
  /** Never empty. Order as in the desired state. */
  readonly endpoints: readonly EndpointRef[];
  readonly settings: Omit<HcnLoadBalancerSettings, 'HostComputeEndpoints'>;
  readonly updateInPlace: boolean;
  /**
   * The proxy's own health server listens on the port, on every address of the host. Windows Server 2019 then refuses
   * the load balancer for as long as the proxy runs (kubernetes/community#8883); later versions accept it.
   */
  readonly proxyListens: boolean;
}

export interface CompiledService {
  readonly key: ServicePortKey;
  readonly loadBalancers: readonly DesiredLoadBalancer[];
  /** Overlay: the endpoint with the cluster IP, through which the network resolves that address. */
  readonly serviceVip: DesiredHnsEndpoint | null;
}
