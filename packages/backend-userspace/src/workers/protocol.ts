/** Messages between the driver and its worker threads; sent as structured clones. */
import type { BackendError, EndpointCount, LimitUsage, ServicePortKey } from '@signalbox/core';
import type { FileSeat } from '../driver/open-files.ts';
import type { ConnectionRecord } from '../objects/connection-record.ts';
import type { Listener } from '../objects/listener.ts';
import type { ListenerOperation } from '../objects/operation.ts';
import type { Seat } from '../shared/shared-memory.ts';

/** What a thread receives at its start. */
export interface WorkerSetup {
  readonly seat: Seat;
  readonly countRows: Float64Array;
  readonly files: FileSeat;
  /** All three in milliseconds. */
  readonly udpTimeout: number;
  readonly tcpIdleTimeout: number;
  readonly drainTimeout: number;
  readonly hasRecords: boolean;
}

export type Request =
  /** The first one: all listeners of the thread. */
  | {
      readonly kind: 'restore';
      readonly hostAddresses: ReadonlySet<string>;
      readonly listeners: readonly Listener[];
    }
  | { readonly kind: 'apply'; readonly operations: readonly ListenerOperation[] }
  | { readonly kind: 'host-addresses'; readonly addresses: ReadonlySet<string> }
  | { readonly kind: 'prune' }
  | { readonly kind: 'connections' }
  | { readonly kind: 'limits' }
  | { readonly kind: 'ejected' }
  /** The last one. */
  | { readonly kind: 'drain' };

export type Results = readonly (BackendError | null)[];

export interface Answers {
  readonly restore: Results;
  readonly apply: Results;
  readonly 'host-addresses': null;
  readonly prune: null;
  readonly connections: ReadonlyMap<ServicePortKey, readonly EndpointCount[]>;
  readonly limits: ReadonlyMap<ServicePortKey, readonly LimitUsage[]>;
  readonly ejected: readonly string[];
  readonly drain: null;
}

export type Kind = Request['kind'];

export interface Call {
  readonly id: number;
  readonly request: Request;
}

export type FromWorker =
  | { readonly id: number; readonly answer: Answers[Kind] }
  /** A connection has ended. */
  | { readonly record: ConnectionRecord };
