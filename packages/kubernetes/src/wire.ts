/** API objects as they travel in JSON: the fields that this package reads or writes. */

/** A Service of `v1`: the addresses on which clients reach it. */
export interface WireService {
  readonly spec?: {
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalIPs?: readonly string[];
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

/** An EndpointSlice of `discovery.k8s.io/v1`: its Service (label `kubernetes.io/service-name`) and endpoints. */
export interface WireEndpointSlice {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  /** `IPv4`, `IPv6` or `FQDN`. */
  readonly addressType?: string;
  readonly endpoints?: readonly {
    readonly addresses?: readonly string[];
    readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
  }[];
}

/** `events.k8s.io/v1`. */
export interface WireEvent {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string };
  /** RFC 3339, with microseconds. */
  readonly eventTime: string;
  readonly reportingController?: string;
  readonly reportingInstance?: string;
  readonly type?: string;
  readonly reason?: string;
  readonly action?: string;
  readonly note?: string;
  readonly regarding?: ObjectReference;
}

/** An ObjectReference of `v1`: the object that an event is about. */
export interface ObjectReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
}

/** What every API object has, as far as a reflector cares. All of it may be missing in a bad answer. */
export interface WireObject {
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** `kind: Status`: how the API server rejects a request. */
export interface WireStatus {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}
