import type { BackendError, EndpointCount, Family, Result, ServicePortKey } from '@signalbox/core';
import type { Observed } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';

/** The only part of the backend that opens sockets and changes addresses. Nothing throws or rejects. */
export interface UserspaceDriver {
  readonly family: Family;
  observe(): Promise<Result<Observed>>;
  /** Each is tried, in order; `null`: done. */
  apply(operations: readonly Operation[]): Promise<readonly (BackendError | null)[]>;
  counts(): Promise<ConnectionCounts>;
  /** Connections to each endpoint since the first one of its service port. */
  connections(): Promise<ReadonlyMap<ServicePortKey, readonly EndpointCount[]>>;
  /** Stops to accept; resolves when the connections have ended, or are reset after the drain time-out. */
  close(): Promise<void>;
}

/** Since the start of the process, but for `open`. */
export interface ConnectionCounts {
  /** TCP connections and UDP sessions now. */
  readonly open: number;
  /** Forwarded to an endpoint. */
  readonly forwarded: number;
  /** Reset or dropped: no route, source not allowed, too many sessions. */
  readonly refused: number;
  /** More than the limit of open files permits. */
  readonly overflow: number;
  /** Attempts to connect that an endpoint refused or did not answer in time. */
  readonly failedAttempts: number;
  /** Connections that no attempt could serve. */
  readonly unserved: number;
}
