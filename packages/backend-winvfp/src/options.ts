import type { Family } from '@signalbox/core';
import type { HcnApi } from './driver/hcn-api.ts';

/** Options of a backend for one address family, with the flags of kube-proxy that set them. */
export interface WinvfpOptions {
  /** The IP family of the load balancers: one backend for each. */
  readonly family: Family;
  /** The node's primary family: an overlay network serves that alone. Default: `family`. */
  readonly primary?: Family;
  /** Calls of the Host Compute Network service. */
  readonly hcn: HcnApi;
  /** `--network-name`, `winkernel.networkName` or `KUBE_NETWORK`: the HNS network that the CNI plug-in made. */
  readonly networkName: string;
  /** `--source-vip`: needed on overlay networks, ignored elsewhere. */
  readonly sourceVip?: string;
  /** `--enable-dsr`: cluster IPs with direct server return. Default false. */
  readonly enableDSR?: boolean;
  /** `--root-hnsendpoint-name`. Default `cbr0`. */
  readonly rootHnsEndpointName?: string;
  /** `--forward-healthcheck-vip`. Default false. */
  readonly forwardHealthCheckVip?: boolean;
  /** The node's address of this family; empty if it has none (yet): overlay networks need one. Read at every sync. */
  readonly nodeIP: string | (() => string);
  /** MAC address of the interface with that address (`findHostMac`), `null` if none has it; used on overlay networks only. */
  readonly hostMac?: string | ((nodeIP: string) => string | null);
  /** Port of the proxy's own health server. Default 10256. */
  readonly healthzPort?: number;
}
