import type { DesiredChange } from '../desired/desired-change.ts';
import type { DesiredState } from '../desired/desired-state.ts';
import type { InputProblem, InterfaceAddress, ObjectEvent } from '../input.ts';
import type { Family } from '../model/family.ts';

/** How packets of this node's pods are recognised (`--detect-local-mode`). */
export type LocalDetection =
  | { readonly mode: 'ClusterCIDR'; readonly cidrs: readonly string[] }
  /** The CIDRs are `spec.podCIDRs` of the node object. */
  | { readonly mode: 'NodeCIDR' }
  | { readonly mode: 'BridgeInterface'; readonly name: string }
  | { readonly mode: 'InterfaceNamePrefix'; readonly prefix: string };

/** What the operator configured, as far as it decides about services. Validated by the app. */
export interface ModelConfig {
  /** Trimmed, lower case: compared byte for byte with `nodeName` of slice endpoints. */
  readonly nodeName: string;
  readonly localDetection: LocalDetection;
  readonly masqueradeAll: boolean;
  /** CIDRs, or the word `primary`, or empty for every local address (`--nodeport-addresses`). */
  readonly nodePortAddresses: readonly string[];
  /** IPv4 node ports answer on 127.0.0.0/8 too (iptables mode only). */
  readonly localhostNodePorts: boolean;
  /** `false`: `spec.externalIPs` are ignored (feature gate AllowServiceExternalIPs). */
  readonly externalIPs: boolean;
  /** Replaces the primary node IP (`--bind-address` when not unspecified). */
  readonly nodeIPOverride: string | null;
  /** Network interfaces that carry service addresses: those addresses do not count as the node's. None by default. */
  readonly serviceDevices?: readonly string[];
}

/** What the app needs to know of its own Node object. */
export interface NodeView {
  readonly known: boolean;
  /** No deletion timestamp and no `ToBeDeletedByClusterAutoscaler` taint. */
  readonly eligible: boolean;
  /** First InternalIP (or ExternalIP) of each family; the override if set. */
  readonly ips: Readonly<Partial<Record<Family, string>>>;
  readonly primaryFamily: Family;
  readonly podCIDRs: readonly string[];
  readonly zone: string | null;
  readonly uid: string | null;
}

/** Counts of what happened between two builds, for metrics. */
export interface ChangeCounts {
  readonly services: number;
  readonly endpointSlices: number;
}

export interface Built {
  readonly change: DesiredChange;
  /** The state after the change. A live view: it shows later builds too. */
  readonly state: DesiredState;
  /** Epoch milliseconds of `last-change-trigger-time` of the slices in this change (for the latency metric). */
  readonly triggerTimes: readonly number[];
}

/**
 * The whole of Kubernetes' service rules for one node: objects in, changes of desired state out.
 * Synchronous and pure: no clock, no randomness, no I/O. The cost of `apply` and `build` is in proportion to
 * the services that an event touches.
 */
export interface Model {
  /** Takes one event over. Problems name what was left out; the rest of the object counts. */
  apply(event: ObjectEvent): readonly InputProblem[];
  /**
   * Frontends left out because another Service has the address now (S28). Not part of `apply`: while a new list comes
   * in, Services that are gone are still there. The same array until it changes.
   */
  conflicts(): readonly InputProblem[];
  configure(config: ModelConfig): void;
  /** The node's own addresses now (for node ports). */
  setInterfaceAddresses(addresses: readonly InterfaceAddress[]): void;
  /** Whether `build` would return anything but an empty change. */
  hasPending(family: Family): boolean;
  /** Counts of changes not yet built. */
  pending(): ChangeCounts;
  /** The step from the previous `build` of this family to now; the first one is full. */
  build(family: Family): Built;
  /** Everything, as a full change; also counts as a build. */
  rebuild(family: Family): Built;
  state(family: Family): DesiredState;
  node(): NodeView;
  /** Of all endpoints in EndpointSlices, ready or not, with or without their Service. Read it to its end at once. */
  endpointAddresses(family: Family): Iterable<string>;
}
