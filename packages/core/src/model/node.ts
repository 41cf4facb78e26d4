/** The fields of a Node that the proxy uses. */
export interface NodeModel {
  readonly name: string;
  readonly uid: string | null;
  /** No deletion timestamp and no taint of the cluster autoscaler. */
  readonly eligible: boolean;
  readonly zone: string | null;
  /** InternalIPs in status order, then ExternalIPs; canonical, both families. */
  readonly addresses: readonly string[];
  /** Canonical CIDRs, both families. */
  readonly podCIDRs: readonly string[];
}
