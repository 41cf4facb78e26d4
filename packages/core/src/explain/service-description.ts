/** What `describeService` returns: one Service as this node serves it. Plain data, to be written as JSON. */
import type { BalancingSupport } from '../backend.ts';
import type { Frontend, Route } from '../desired/desired-state.ts';
import type { BalancingAlgorithm } from '../model/balancing.ts';
import type { TopologyHints } from '../model/endpoint-slice.ts';
import type { Family, Protocol } from '../model/family.ts';
import type { ExternalFailover, TrafficPolicy } from '../model/service-policy.ts';
import type { ObjectKey, ServicePortKey } from '../model/service-port-name.ts';
import type { ServiceType } from '../model/service.ts';

/** Properties of the proxy mode. */
export interface DescribeOptions {
  /** Of the proxy mode, for messages. */
  readonly name?: string | null;
  /** What the mode that runs supports, if known. */
  readonly support?: BalancingSupport;
  /** `spec.loadBalancerSourceRanges` have no effect. */
  readonly ignoresSourceRanges?: boolean;
}

/** A reason why a Service, or a part of it, is not served as specified, or a note about how it is served. */
export interface ServiceProblem {
  /** `error`: connections that the Service specifies fail on this node. `note`: intended behaviour, for information. */
  readonly severity: 'error' | 'warning' | 'note';
  /** The clause of docs/service-semantics.md or docs/compatibility.md; null for an invalid field. */
  readonly rule: string | null;
  /** One sentence, without the name of the Service. */
  readonly message: string;
  /** The service port that has the problem; null: the whole Service. */
  readonly servicePort: ServicePortKey | null;
  /** The family that has the problem; null: every one. */
  readonly family: Family | null;
  /** The object behind it: the Service that has the address, `namespace/name`. */
  readonly blames?: ObjectKey;
}

/** One address and port of a service port that clients use, and what happens to connections to it. */
export interface FrontendDescription {
  readonly kind: Frontend['kind'];
  /** Null for node ports: see `node.nodePortAddresses`. */
  readonly address: string | null;
  readonly port: number;
  readonly policy: TrafficPolicy;
  /** What happens to connections from outside of this node: those that no earlier route matches. */
  readonly outcome: 'forward' | 'reject' | 'drop' | 'pass';
  /** The clause of `outcome`. */
  readonly rule: string;
  readonly routes: readonly Route[];
  /** The only sources that may connect; null: all. */
  readonly sourceRanges: readonly string[] | null;
  /** `lost`: another service port has the address, port and protocol (S28), `lostTo`. */
  readonly state: 'owned' | 'lost';
  readonly lostTo: ServicePortKey | null;
}

/** Endpoint sets of a service port that contain an endpoint: `clusterEndpoints`, `localEndpoints`, both or neither. */
export type EndpointUse = 'cluster' | 'local' | 'both' | 'none';

/** One endpoint of the EndpointSlices of a Service, used or not. */
export interface EndpointDescription {
  /** Canonical text. */
  readonly address: string;
  /** Null if its slice has no port for the service port. */
  readonly port: number | null;
  /** Null if the slice does not name it. */
  readonly node: string | null;
  /** Zone of its node, if this instance has the Node object. */
  readonly zone: string | null;
  /** Topology hints of the slice; null if it has none. */
  readonly hints: TopologyHints | null;
  /** 1-100: its share of new connections in proportion to that of other endpoints. */
  readonly weight: number;
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
  /** The endpoint sets of the service port that contain it. */
  readonly use: EndpointUse;
  /** Why it is in these sets and no other. */
  readonly reason: string;
  /** The clause of docs/service-semantics.md or docs/compatibility.md behind `reason`. */
  readonly rule: string;
}

/** One service port in one family. */
export interface ServicePortDescription {
  readonly key: ServicePortKey;
  /** Name of the port; empty if it has none. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly family: Family;
  readonly port: number;
  /** Null: none is allocated. */
  readonly nodePort: number | null;
  readonly frontends: readonly FrontendDescription[];
  /** Of all EndpointSlices of the Service in this family, used or not, sorted by address and port. */
  readonly endpoints: readonly EndpointDescription[];
  /** Every frontend is owned and forwards connections from outside of this node, or leaves them to other nodes (S66). */
  readonly served: boolean;
  /** Null if it is served. */
  readonly reason: string | null;
}

/** Whether this node serves the Service in one IP family. */
export interface FamilyDescription {
  readonly family: Family;
  readonly served: boolean;
  /** Null if it is served. */
  readonly reason: string | null;
}

/** The properties of this node that the description depends on. */
export interface NodeDescription {
  readonly name: string;
  /** The Node object has been seen and was not deleted. */
  readonly known: boolean;
  /** Label `topology.kubernetes.io/zone` of the Node object; null if it has none. */
  readonly zone: string | null;
  /** Where node ports are served now, both families. */
  readonly nodePortAddresses: readonly string[];
}

/** One Service as this node serves it, or why it does not. */
export interface ServiceDescription {
  readonly namespace: string;
  readonly name: string;
  /** False: there is no such Service. */
  readonly found: boolean;
  /** Null if the Service is not served at all. */
  readonly type: ServiceType | null;
  /** `internalTrafficPolicy` and `externalTrafficPolicy`; null if the Service is not served at all. */
  readonly policies: { readonly internal: TrafficPolicy; readonly external: TrafficPolicy } | null;
  /** S66: what happens to external traffic while no endpoint is local; null unless the Service specifies it. */
  readonly externalFailover: ExternalFailover | null;
  /** Session affinity by client address; null: none. */
  readonly affinity: { readonly kind: 'ClientIP'; readonly timeoutSeconds: number } | null;
  /** Of the annotation `signalbox.dev/load-balancing`; null: the default of the proxy mode. */
  readonly balancing: BalancingAlgorithm | null;
  /** `loadBalancerSourceRanges` of both families. Empty: every source may connect. */
  readonly sourceRanges: readonly string[];
  /** 1-65535; null: no health check is served. */
  readonly healthCheckNodePort: number | null;
  readonly node: NodeDescription;
  /** Of the families that this node serves. */
  readonly families: readonly FamilyDescription[];
  readonly ports: readonly ServicePortDescription[];
  /** Errors first. */
  readonly problems: readonly ServiceProblem[];
  /** No problem is an error. */
  readonly served: boolean;
  /** The first error; null if it is served. */
  readonly reason: string | null;
}
