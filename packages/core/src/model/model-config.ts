import type { Family } from './family.ts';
import type { ExternalFailover } from './service-policy.ts';

/** How packets of this node's pods are recognised (`--detect-local-mode`). */
export type LocalDetection =
  | { readonly mode: 'ClusterCIDR'; readonly cidrs: readonly string[] }
  /** The CIDRs are `spec.podCIDRs` of the node object. */
  | { readonly mode: 'NodeCIDR' }
  | { readonly mode: 'BridgeInterface'; readonly name: string }
  | { readonly mode: 'InterfaceNamePrefix'; readonly prefix: string };

/** The configuration that affects how Services are served. Validated by the app. */
export interface ModelConfig {
  /** Trimmed, lower case: compared byte for byte with `nodeName` of slice endpoints. */
  readonly nodeName: string;
  /** `--detect-local-mode`, with the value that the mode requires. */
  readonly localDetection: LocalDetection;
  /** `--masquerade-all`: all connections to cluster IPs are masqueraded. */
  readonly masqueradeAll: boolean;
  /** CIDRs, or the word `primary`, or empty for every local address (`--nodeport-addresses`). */
  readonly nodePortAddresses: readonly string[];
  /** IPv4 node ports answer on 127.0.0.0/8 too (iptables mode only). */
  readonly localhostNodePorts: boolean;
  /** Sockets of the caller serve TCP node ports at 127.0.0.1 and ::1, if `nodePortAddresses` name those (nftables mode). */
  readonly loopbackSockets?: boolean;
  /** `false`: `spec.externalIPs` are ignored (feature gate AllowServiceExternalIPs). */
  readonly externalIPs: boolean;
  /** Replaces the primary node IP (`--bind-address` when not unspecified). */
  readonly nodeIPOverride: string | null;
  /** What the proxy mode can do besides its default with ETP=Local and no local endpoint (S66). Absent: everything. */
  readonly externalFailovers?: readonly ExternalFailover[];
  /** Network interfaces that carry service addresses: those addresses do not count as the node's. None by default. */
  readonly serviceDevices?: readonly string[];
}

/** The fields of this node's Node object that the app needs. */
export interface NodeView {
  /** The Node object exists; after its deletion the last addresses, zone and pod CIDRs stay (F121). */
  readonly known: boolean;
  /** No deletion timestamp and no `ToBeDeletedByClusterAutoscaler` taint. */
  readonly eligible: boolean;
  /** First InternalIP (or ExternalIP) of each family; the override if set. */
  readonly ips: Readonly<Partial<Record<Family, string>>>;
  /** Family of the override or of the first address; IPv4 while neither is known. */
  readonly primaryFamily: Family;
  readonly podCIDRs: readonly string[];
  /** Label `topology.kubernetes.io/zone`; null if absent. */
  readonly zone: string | null;
  /** `metadata.uid` of the Node object; null if absent. */
  readonly uid: string | null;
}
