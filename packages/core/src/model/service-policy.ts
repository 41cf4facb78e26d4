/** Fields of a Service that the desired state has as they are. */
/** The policy behind the routes, for backends whose kernel object needs the policy itself (IPVS, HNS). */
export type TrafficPolicy = 'cluster' | 'local';

/** What happens to external traffic with ETP=Local while no endpoint is local (S66). The first is the default. */
export const EXTERNAL_FAILOVERS = ['drop', 'reject', 'cluster', 'passthrough'] as const;
/** One value of `EXTERNAL_FAILOVERS`. */
export type ExternalFailover = (typeof EXTERNAL_FAILOVERS)[number];

/** What a Service specifies for external traffic while no endpoint is local (S66). */
export interface SpecifiedFailover {
  readonly policy: ExternalFailover;
  /** Where the Service specifies it, for messages: `spec.externalFailoverPolicy`. */
  readonly field: string;
}

/** Connections of one client address go to one endpoint; each new connection restarts the time. */
export interface SessionAffinity {
  /** 1-86400; the API server's default is 10800 (three hours). */
  readonly timeoutSeconds: number;
}

/** Options that only kernelspace mode reads; set from annotations of the Service. */
export interface WindowsOptions {
  /** Annotation `preserve-destination: "true"`. */
  readonly preserveDestination: boolean;
  /** Annotation `winProxyOptimization: disabled` turns it off: objects are then deleted before a change. */
  readonly updateInPlace: boolean;
}
