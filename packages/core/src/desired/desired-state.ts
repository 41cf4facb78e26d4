/**
 * The contract between the core and every backend: all decisions have been made.
 *
 * A backend never sees a Kubernetes object and never decides *which* endpoints, *whether* to masquerade or
 * *who* may connect. All values are plain data, deeply readonly, and one IP family only: a dual-stack node is
 * two states and two backends. Reasons: decisions/0002-desired-state.md.
 */
import type { BalancingAlgorithm } from '../model/balancing.ts';
import type { ConnectionPolicy } from '../model/connection-policy.ts';
import type { Family } from '../model/family.ts';
import type { ProxyProtocol } from '../model/proxy-protocol.ts';
import type {
  SessionAffinity,
  SpecifiedFailover,
  TrafficPolicy,
  WindowsOptions,
} from '../model/service-policy.ts';
import type { ObjectKey, ServicePortKey, ServicePortName } from '../model/service-port-name.ts';

export type { SessionAffinity, TrafficPolicy, WindowsOptions } from '../model/service-policy.ts';

/** A pod address that may receive connections. Objects are shared between sets: compare by address and port. */
export interface DesiredEndpoint {
  /** Canonical text (RFC 5952 for IPv6), no brackets. */
  readonly address: string;
  /** 1-65535. */
  readonly port: number;
  /** Runs on this node. */
  readonly isLocal: boolean;
  /** Its slice names no node: it may run anywhere, here too. Then `isLocal` is false. */
  readonly onUnknownNode?: true;
  /** 1-100: its share of new connections in proportion to that of other endpoints; absent: 1. */
  readonly weight?: number;
}

/**
 * The source of the packet, as far as the traffic policy distinguishes it.
 * - `local-pods`: matched by the node's `LocalDetector`; routes with it exist only where there is a detector.
 * - `node`: the source is one of the node's own addresses (the node itself opened the connection).
 * - `any`: everything.
 */
export type RouteSource = 'local-pods' | 'node' | 'any';

/**
 * One of the endpoint sets of the service port, or `reject` (with an ICMP error), `drop` (without an answer) or `pass` (the packet
 * goes on unchanged by the node's routes, as if no Service had the address).
 */
export type RouteTarget = 'cluster' | 'local' | 'reject' | 'drop' | 'pass';

/**
 * One decision. A frontend's routes are in order; the first whose source matches applies; the last is `any`.
 * Route arrays are few, frozen and shared: comparing two by identity is a correct fast path.
 */
export interface Route {
  readonly source: RouteSource;
  readonly target: RouteTarget;
  /** The connection's source becomes an address of this node. Hairpin connections are masqueraded besides. */
  readonly masquerade: boolean;
  /** The clause of docs/service-semantics.md that applies, for `explain` and traces: `S22`. */
  readonly rule: string;
}

interface FrontendBase {
  /** 1-65535. */
  readonly port: number;
  /** The internal policy for a cluster IP, else the external policy of the Service. */
  readonly policy: TrafficPolicy;
  /** In order; the first whose source matches applies, and the last is `any`. */
  readonly routes: readonly Route[];
}

/** Only these sources may use a load-balancer frontend; everything else is dropped before any route. */
export interface SourceRanges {
  /** CIDRs of this family, canonical, without duplicates, never empty. */
  readonly cidrs: readonly string[];
  /**
   * The service's own load-balancer addresses, allowed as sources too when a range contains this node
   * (traffic that the node sends to the VIP and that comes back to it); else empty.
   */
  readonly alsoAddresses: readonly string[];
}

/** An address of `spec.clusterIPs`, in canonical text, and a port of `spec.ports`. */
export interface ClusterIPFrontend extends FrontendBase {
  readonly kind: 'cluster-ip';
  readonly address: string;
}

/** An address of `spec.externalIPs`, in canonical text, and a port of `spec.ports`. */
export interface ExternalIPFrontend extends FrontendBase {
  readonly kind: 'external-ip';
  readonly address: string;
}

/** An address of `status.loadBalancer.ingress` in VIP mode, in canonical text, and a port of `spec.ports`. */
export interface LoadBalancerFrontend extends FrontendBase {
  readonly kind: 'load-balancer';
  readonly address: string;
  /** `null`: every source may connect. */
  readonly sourceRanges: SourceRanges | null;
}

/** A port on the node's own addresses; which of them is `DesiredNode.nodePortAddresses`. */
export interface NodePortFrontend extends FrontendBase {
  readonly kind: 'node-port';
}

/** What clients connect to. A closed union: a switch over `kind` without `default` is checked by the compiler. */
export type Frontend = ClusterIPFrontend | ExternalIPFrontend | LoadBalancerFrontend | NodePortFrontend;

/** One port of a Service in one family: its frontends, its endpoints, and how connections are balanced. */
export interface DesiredServicePort {
  readonly key: ServicePortKey;
  readonly name: ServicePortName;
  /** Cluster IP first, then external IPs, load-balancer IPs, node port. Never empty. */
  readonly frontends: readonly Frontend[];
  /** Endpoints of `target: 'cluster'`, sorted by `address:port` as text, without duplicates. */
  readonly clusterEndpoints: readonly DesiredEndpoint[];
  /** Endpoints of `target: 'local'`, sorted the same way. Not a subset of the cluster set under topology. */
  readonly localEndpoints: readonly DesiredEndpoint[];
  /**
   * Every endpoint that still serves, chosen or not, terminating or not: an established UDP flow to one of
   * these is not stale.
   */
  readonly servingEndpoints: readonly DesiredEndpoint[];
  /** The header that precedes the bytes of the client, of a TCP port; only a mode that opens connections itself can write it. */
  readonly proxyProtocol?: ProxyProtocol;
  /** `null`: no session affinity. */
  readonly affinity: SessionAffinity | null;
  /** How the endpoint of a connection without session affinity is chosen; `null`: the default of the proxy mode. */
  readonly balancing: BalancingAlgorithm | null;
  readonly windows: WindowsOptions;
  /** Absent: no annotation of the Service sets a part of it. */
  readonly connections?: ConnectionPolicy;
  /** What the Service specifies and the proxy mode cannot do, for reports: the routes are those of its default (S66). */
  readonly unsupportedFailover?: SpecifiedFailover;
}

/** How to recognise a packet that a pod of this node sent. */
export type LocalDetector =
  | { readonly kind: 'none' }
  /** The source address lies in one of these CIDRs (this family's; never empty). */
  | { readonly kind: 'cidrs'; readonly cidrs: readonly string[] }
  /** It came in through this interface. Never true of packets that the node itself sends. */
  | { readonly kind: 'interface'; readonly name: string }
  /** It came in through an interface whose name starts so. */
  | { readonly kind: 'interface-prefix'; readonly prefix: string };

/** Which of the node's addresses answer on node ports. */
export type NodePortAddresses =
  /** Every local address; loopback addresses only if `loopback` (IPv4, iptables mode: S40). */
  | { readonly kind: 'any-local'; readonly loopback: boolean }
  /** Local addresses inside these CIDRs (this family's); with an empty list node ports are off. */
  | { readonly kind: 'ranges'; readonly cidrs: readonly string[]; readonly loopback: boolean };

/**
 * S35: whose connections to a cluster IP are masqueraded. The routes of cluster IPs contain the same, source by source; a backend
 * with one rule for all cluster IPs reads it here.
 */
export type ClusterIPMasquerade = 'none' | 'not-local-pods' | 'all';

/** The properties of this node that the rules of all Services depend on. */
export interface DesiredNode {
  readonly name: string;
  readonly localDetector: LocalDetector;
  readonly clusterIPMasquerade: ClusterIPMasquerade;
  readonly nodePortAddresses: NodePortAddresses;
  /**
   * The addresses that `nodePortAddresses` selects now, for kernels that need a list (IPVS).
   * Sorted; without loopback unless allowed; without IPv6 link-local.
   */
  readonly nodePortIPs: readonly string[];
  /**
   * Sockets, not rules, serve TCP node ports at the loopback addresses of the family: rules leave these connections alone and
   * reject other protocols there.
   */
  readonly loopbackSockets?: true;
  /** Ranges that the cluster allocates ClusterIPs from, if known. */
  readonly serviceCIDRs: readonly string[];
}

/** One per Service with a `healthCheckNodePort`: served by the app, let through by the packet filter. */
export interface DesiredHealthCheck {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  /** 1-65535: `spec.healthCheckNodePort`. */
  readonly port: number;
  /** Distinct addresses of ready endpoints on this node, over all ports of the service. */
  readonly localEndpoints: number;
}

/** Totals that metrics report. */
export interface DesiredCounts {
  readonly servicePorts: number;
  /** Endpoints over all service ports, each counted once per service port. */
  readonly endpoints: number;
  /** Service ports that drop internal traffic because no endpoint is local. */
  readonly noLocalEndpointsInternal: number;
  /** The same for external traffic: all frontends other than cluster IPs. */
  readonly noLocalEndpointsExternal: number;
}

/** Everything one node should do for one IP family. */
export interface DesiredState {
  readonly family: Family;
  readonly node: DesiredNode;
  readonly servicePorts: ReadonlyMap<ServicePortKey, DesiredServicePort>;
  readonly healthChecks: ReadonlyMap<ObjectKey, DesiredHealthCheck>;
  readonly counts: DesiredCounts;
}
