/** A TCP connection or UDP session that has ended, for access logs and traces. */
import type { DesiredEndpoint, ServicePortName } from '@signalbox/core';

/** A TCP connection or UDP session that has ended; of TCP also one that was refused. */
export interface ConnectionRecord {
  readonly servicePort: ServicePortName;
  readonly client: Peer;
  /** Where the client connected: the address of the frontend, or the mapped one. */
  readonly frontend: Peer;
  /** `null`: connected to none. */
  readonly endpoint: Peer | null;
  /** In order of their outcomes; the last one connected if `endpoint` is not `null`. */
  readonly attempts: readonly ConnectionAttempt[];
  /** From the client, and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Both in milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly cause: ConnectionEnd;
}

/** Address and port of one end of a connection. */
export type Peer = Pick<DesiredEndpoint, 'address' | 'port'>;

/** One attempt to connect to an endpoint. */
export interface ConnectionAttempt {
  readonly endpoint: Peer;
  /** When its outcome was known, in milliseconds since 1970. */
  readonly at: number;
  /** `connected`, `timeout`, or the code of the error: `ECONNREFUSED`. */
  readonly outcome: string;
}

/** `outcome` of an attempt that connected. */
export const CONNECTED = 'connected';

/** Why a connection ended, or why it was refused. */
export type ConnectionEnd =
  /** Both directions ended. */
  | 'closed'
  /** Reset, or unreachable. */
  | 'client-reset'
  | 'endpoint-reset'
  | 'idle-timeout'
  /** Open when the drain timeout expired. */
  | 'drain-timeout'
  /** No route for the source: source ranges, traffic policy. */
  | 'not-allowed'
  /** At a limit that an annotation of the Service sets. */
  | 'limit'
  /** At the limit of open files of the process. */
  | 'open-files'
  /** All attempts failed. */
  | 'no-endpoint-answered'
  /** Of a UDP session: its endpoint no longer serves. */
  | 'endpoint-removed'
  /** Of a UDP session: the oldest one, closed for a new one. */
  | 'session-limit'
  /** Of a UDP session: its frontend was removed. */
  | 'frontend-removed'
  /** Reset by this process for another reason. */
  | 'reset';

/** Called once for each connection, at its end, on the data path: must not throw and must not block. */
export type OnConnectionEnd = (record: ConnectionRecord) => void;
