/** State that the sockets of one family share. */
import { type Clock, type DesiredEndpoint, type EndpointCount, type ServicePortKey } from '@signalbox/core';
import type { Socket } from 'node:net';
import type { OnConnectionEnd } from '../objects/connection-record.ts';
import { createBalancer, type Balancer } from '../compile/load-balancing.ts';
import { createConnectionCounter } from './connection-counter.ts';
import type { OpenFiles } from './open-files.ts';
import { createStalledClients, type StalledClients } from './stalled-clients.ts';
import type { ConnectionCounts } from './userspace-driver.ts';

export interface DataPathOptions {
  readonly clock: Clock;
  /** All three in milliseconds. */
  readonly udpTimeout: number;
  readonly tcpIdleTimeout: number;
  readonly drainTimeout: number;
  readonly files: OpenFiles;
  /** `null`: records of connections are not requested. */
  readonly onConnectionEnd: OnConnectionEnd | null;
}

export interface DataPath extends DataPathOptions {
  readonly counts: { -readonly [Name in keyof ConnectionCounts]: ConnectionCounts[Name] };
  /** Open connections to clients and to endpoints. */
  readonly sockets: ReadonlySet<Socket>;
  track(socket: Socket): void;
  readonly stalledClients: StalledClients;
  /** The drain timeout has expired. */
  isDrained: boolean;
  /** Called when the last of the sockets has closed. */
  onIdle: () => void;
  hostAddresses: Set<string>;
  readonly isHostAddress: (address: string) => boolean;
  /** One balancer for each service port, shared by its sockets. */
  balancer(key: ServicePortKey): Balancer;
  /** Counts a connection of the service port to the endpoint. */
  countConnection(key: ServicePortKey, endpoint: DesiredEndpoint): void;
  connections(): ReadonlyMap<ServicePortKey, readonly EndpointCount[]>;
  /** Removes round-robin and affinity state of service ports that are not in `keys`. */
  keepBalancers(keys: ReadonlySet<ServicePortKey>): void;
}

export function createDataPath(options: DataPathOptions): DataPath {
  const balancers = new Map<ServicePortKey, Balancer>();
  const sockets = new Set<Socket>();
  const counter = createConnectionCounter();
  const path: DataPath = {
    ...options,
    counts: { open: 0, forwarded: 0, refused: 0, overflow: 0, failedAttempts: 0, unserved: 0 },
    sockets,
    stalledClients: createStalledClients(options.clock),
    track(socket) {
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        if (sockets.size === 0) path.onIdle();
      });
    },
    isDrained: false,
    onIdle: () => {},
    hostAddresses: new Set(),
    isHostAddress: (address) => path.hostAddresses.has(address),
    balancer(key) {
      const known = balancers.get(key);
      if (known !== undefined) return known;
      const made = createBalancer(() => options.clock.random());
      balancers.set(key, made);
      return made;
    },
    countConnection: counter.count,
    connections: counter.all,
    keepBalancers(keys) {
      for (const key of balancers.keys()) if (!keys.has(key)) balancers.delete(key);
      counter.keep(keys);
    },
  };
  return path;
}

/** In the notation of the core: a link-local address without its zone. */
export function sourceText(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}
