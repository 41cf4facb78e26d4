/** The sockets of a driver: those of this thread, or those of worker threads. */
import type { BackendError, EndpointCount, LimitUsage, ServicePortKey } from '@signalbox/core';
import type { ListenerOperation } from '../objects/operation.ts';
import { createDataPath, type DataPath, type DataPathOptions } from './data-path.ts';
import { createSockets, type Sockets } from './sockets.ts';
import type { ConnectionCounts } from './userspace-driver.ts';

export interface SocketPool {
  /** Of sockets that are open. */
  keys(): ReadonlySet<string>;
  /** Addresses of this node, which decide routes. Before the next operations. */
  setHostAddresses(addresses: ReadonlySet<string>): void;
  /** A result for each; all connections that begin later are forwarded accordingly. */
  apply(operations: readonly ListenerOperation[]): Promise<readonly (BackendError | null)[]>;
  /** Removes the state of service ports without a socket. */
  prune(): void;
  counts(): Promise<ConnectionCounts>;
  connections(): Promise<ReadonlyMap<ServicePortKey, readonly EndpointCount[]>>;
  limits(): Promise<ReadonlyMap<ServicePortKey, readonly LimitUsage[]>>;
  /** Closes all; resolves when the connections have ended, or are reset after the drain timeout. */
  drain(): Promise<void>;
}

/** Of this thread. */
export interface LocalPool extends SocketPool {
  /** The endpoints that are ejected, by service port and address. */
  ejected(): readonly string[];
}

export function createLocalPool(options: DataPathOptions): LocalPool {
  const path = createDataPath(options);
  const sockets = createSockets(path);
  return {
    keys: () => sockets.keys(),
    setHostAddresses: (addresses) => void (path.hostAddresses = addresses),
    apply: (operations) => Promise.all(operations.map((operation) => applyOne(sockets, operation))),
    prune: () => sockets.prune(),
    counts: () => Promise.resolve(withEjections(path.counts, ejectedOf(path).length)),
    connections: () =>
      Promise.resolve(new Map([...path.upstreams].map(([key, each]) => [key, each.endpoints()]))),
    limits: () => Promise.resolve(sockets.limits()),
    ejected: () => ejectedOf(path),
    drain: () => sockets.drain(),
  };
}

function applyOne(sockets: Sockets, { kind, listener }: ListenerOperation): Promise<BackendError | null> {
  if (kind !== 'listener-close') return sockets.open(listener);
  sockets.close(listener);
  return Promise.resolve(null);
}

function ejectedOf({ upstreams }: DataPath): readonly string[] {
  return [...upstreams].flatMap(([key, each]) => each.ejected().map((name) => `${key} ${name}`));
}

export function withEjections(counts: ConnectionCounts, ejected: number): ConnectionCounts {
  return { ...counts, upstream: { ...counts.upstream, outlier_detection_ejections_active: ejected } };
}
