import type { BackendError, EndpointCount, Family, Result, ServicePortKey } from '@signalbox/core';
import type { Observed } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';

/** The only part of the backend that opens sockets and changes addresses. Nothing throws or rejects. */
export interface UserspaceDriver {
  readonly family: Family;
  observe(): Promise<Result<Observed>>;
  /** Applies each operation in order, also after a failure; `null`: applied. */
  apply(operations: readonly Operation[]): Promise<readonly (BackendError | null)[]>;
  counts(): Promise<ConnectionCounts>;
  /** Connections to each endpoint since the first one of its service port. */
  connections(): Promise<ReadonlyMap<ServicePortKey, readonly EndpointCount[]>>;
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
}
