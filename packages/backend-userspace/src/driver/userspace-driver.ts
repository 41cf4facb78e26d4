import type {
  BackendError,
  EndpointCount,
  Family,
  LimitUsage,
  Result,
  ServicePortKey,
} from '@signalbox/core';
import type { Observed } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';

/** The only part of the backend that opens sockets and changes addresses. Nothing throws or rejects. */
export interface UserspaceDriver {
  readonly family: Family;
  /** Device and addresses of the node, and the sockets that this driver has open. */
  observe(): Promise<Result<Observed>>;
  /** Applies each operation in order, also after a failure; `null`: applied. */
  apply(operations: readonly Operation[]): Promise<readonly (BackendError | null)[]>;
  /** Totals of TCP and UDP. */
  counts(): Promise<ConnectionCounts>;
  /** Connections to each endpoint since the first one of its service port. */
  connections(): Promise<ReadonlyMap<ServicePortKey, readonly EndpointCount[]>>;
  /** Of service ports with a limit and with connections so far. */
  limits(): Promise<ReadonlyMap<ServicePortKey, readonly LimitUsage[]>>;
  /** Stops accepting; resolves when the connections have ended, or were reset after the drain timeout. */
  close(): Promise<void>;
}

/** Totals since the start of the process, except `open`. */
export interface ConnectionCounts {
  /** TCP connections and UDP sessions that are open now. */
  readonly open: number;
  /** Forwarded to an endpoint. */
  readonly forwarded: number;
  /** Reset or dropped: no route, source not allowed, too many sessions. */
  readonly refused: number;
  /** Reset or dropped at the limit of open files. */
  readonly overflow: number;
  /** Attempts to connect to an endpoint that were refused or timed out. */
  readonly failedAttempts: number;
  /** Connections for which every attempt failed. */
  readonly unserved: number;
  readonly upstream: UpstreamCounts;
}

/** Connections to endpoints, and what limits and health checks did. The names are those of Envoy's statistics. */
export interface UpstreamCounts {
  /** Open now, or being opened. */
  readonly upstream_cx_active: number;
  /** Connections of clients refused at `signalbox.dev/max-connections`. */
  readonly upstream_cx_overflow: number;
  /** Attempts to connect that failed, and those of them that had no answer in time. */
  readonly upstream_cx_connect_fail: number;
  readonly upstream_cx_connect_timeout: number;
  /** Connections of clients refused at `signalbox.dev/max-pending-connects`. */
  readonly upstream_rq_pending_overflow: number;
  /** Connections of clients that got no further attempt, at `signalbox.dev/max-retries`. */
  readonly upstream_rq_retry_overflow: number;
  /** Endpoints ejected now. */
  readonly outlier_detection_ejections_active: number;
  /** Ejections so far. */
  readonly outlier_detection_ejections_enforced: number;
  /** Ejections that were not made, because half of the endpoints were ejected. */
  readonly outlier_detection_ejections_overflow: number;
  /** Active health checks that have ended, and those of them that failed. */
  readonly health_check_attempt: number;
  readonly health_check_failure: number;
}
