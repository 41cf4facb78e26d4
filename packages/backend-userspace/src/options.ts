import type { Clock, Family } from '@signalbox/core';
import type { AddressMapping } from './compile/address-map.ts';
import { createSystemDriver } from './driver/system-driver.ts';
import type { OnConnectionEnd } from './objects/connection-record.ts';
import type { UserspaceDriver } from './driver/userspace-driver.ts';

/** Settings of the backend of one address family. All but `family` have defaults. */
export interface UserspaceBackendOptions {
  /** The IP family of the frontends: one backend for each. */
  readonly family: Family;
  /**
   * `device`: service addresses are assigned to a device that Signalbox creates; needs CAP_NET_ADMIN. `none`: only node
   * ports and mapped addresses are served. Default: `device`.
   */
  readonly serviceAddresses?: 'device' | 'none';
  /** Service addresses that are served at other addresses. Default: none. */
  readonly mappings?: readonly AddressMapping[];
  /** Milliseconds without a datagram after which the session of a UDP client ends. Default: 30,000. */
  readonly udpTimeout?: number;
  /** Milliseconds without a byte after which a TCP connection is reset. Default: 24 hours. */
  readonly tcpIdleTimeout?: number;
  /** Milliseconds after `close` until open connections are reset. Default: 20,000. */
  readonly drainTimeout?: number;
  /** Called at the end of each connection; not with `driver`. Must not throw or block. Default: none. */
  readonly onConnectionEnd?: OnConnectionEnd;
  /**
   * Worker threads that forward the connections, 1 to 32; not with `driver`. Default: 1, which is the thread of the caller; also
   * where `whyNoWorkers` returns a reason.
   */
  readonly workers?: number;
  /** Called when a worker thread has ended unexpectedly, with the reason; another one replaces it. Default: none. */
  readonly onWorkerFailure?: (reason: string) => void;
  /** For tests. Default: the sockets of this process and its network namespace. */
  readonly driver?: UserspaceDriver;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

export interface Settings {
  readonly family: Family;
  readonly assignsAddresses: boolean;
  readonly mappings: readonly AddressMapping[];
  readonly driver: UserspaceDriver;
}

export function settingsOf(options: UserspaceBackendOptions): Settings {
  const { family, serviceAddresses = 'device', mappings = [] } = options;
  return {
    family,
    assignsAddresses: serviceAddresses === 'device',
    mappings,
    driver: options.driver ?? createSystemDriver(options),
  };
}
