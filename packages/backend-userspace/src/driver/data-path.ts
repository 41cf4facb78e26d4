/** State that the sockets of one family share. */
import type { Clock, ServicePortKey } from '@signalbox/core';
import type { Socket } from 'node:net';
import type { UpstreamState } from '../balance/upstream-state.ts';
import type { OnConnectionEnd } from '../objects/connection-record.ts';
import { createEndpointChecks, type EndpointChecks } from './endpoint-checks.ts';
import type { OpenFiles } from './open-files.ts';
import { createStalledClients, type StalledClients } from './stalled-clients.ts';
import { createUpstream, type Upstream } from './upstream.ts';
import type { ConnectionCounts, UpstreamCounts } from './userspace-driver.ts';

export interface DataPathOptions {
  readonly clock: Clock;
  /** All three in milliseconds. */
  readonly udpTimeout: number;
  readonly tcpIdleTimeout: number;
  readonly drainTimeout: number;
  readonly files: OpenFiles;
  /** `null`: records of connections are not requested. */
  readonly onConnectionEnd: OnConnectionEnd | null;
  /** `null`: this thread is the only one. */
  readonly shared: SharedParts | null;
}

/** What worker threads have in common. */
interface SharedParts {
  readonly counts: Counts;
  readonly stateOf: (key: ServicePortKey) => UpstreamState;
  /** Endpoints are checked by one of the threads. */
  readonly hasChecks: boolean;
}

export interface DataPath extends DataPathOptions {
  readonly counts: Counts;
  /** Open connections to clients and to endpoints. */
  readonly sockets: ReadonlySet<Socket>;
  track(socket: Socket): void;
  readonly stalledClients: StalledClients;
  /** The drain timeout has expired. */
  isDrained: boolean;
  /** Called when the last of the sockets has closed. */
  onIdle: () => void;
  hostAddresses: ReadonlySet<string>;
  readonly isHostAddress: (address: string) => boolean;
  /** One for each service port, shared by its sockets. */
  upstream(key: ServicePortKey): Upstream;
  /** Of service ports with connections so far. */
  readonly upstreams: ReadonlyMap<ServicePortKey, Upstream>;
  readonly checks: EndpointChecks;
  /** Removes round-robin, affinity and health state of service ports that are not in `keys`. */
  keepUpstreams(keys: ReadonlySet<ServicePortKey>): void;
}

export function createDataPath(options: DataPathOptions): DataPath {
  const upstreams = new Map<ServicePortKey, Upstream>();
  const sockets = new Set<Socket>();
  const { shared, clock } = options;
  const counts = shared?.counts ?? noCounts();
  const path: DataPath = {
    ...options,
    counts,
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
    upstreams,
    upstream(key) {
      const known = upstreams.get(key);
      if (known !== undefined) return known;
      const made = createUpstream(clock, counts.upstream, shared?.stateOf(key));
      upstreams.set(key, made);
      return made;
    },
    checks:
      shared?.hasChecks === false
        ? NO_CHECKS
        : createEndpointChecks({ ...options, upstream: (key) => path.upstream(key) }),
    keepUpstreams(keys) {
      path.checks.keep(keys);
      for (const key of upstreams.keys()) if (!keys.has(key)) upstreams.delete(key);
    },
  };
  return path;
}

const NO_CHECKS: EndpointChecks = { watch: () => {}, keep: () => {} };

/** In the notation of the core: a link-local address without its zone. */
export function sourceText(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export type Counts = Omit<Writable<ConnectionCounts>, 'upstream'> & {
  readonly upstream: Writable<UpstreamCounts>;
};

export function noCounts(): Counts {
  const upstream = {
    upstream_cx_active: 0,
    upstream_cx_overflow: 0,
    upstream_cx_connect_fail: 0,
    upstream_cx_connect_timeout: 0,
    upstream_rq_pending_overflow: 0,
    upstream_rq_retry_overflow: 0,
    outlier_detection_ejections_active: 0,
    outlier_detection_ejections_enforced: 0,
    outlier_detection_ejections_overflow: 0,
    health_check_attempt: 0,
    health_check_failure: 0,
  };
  return { open: 0, forwarded: 0, refused: 0, overflow: 0, failedAttempts: 0, unserved: 0, upstream };
}
