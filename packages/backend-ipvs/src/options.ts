import type { Clock, Family } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { DEFAULT_SCHEDULER } from './compile/load-balancing.ts';
import type { LocalPolicyFallback } from './compile/no-endpoints.ts';
import type { IpvsDriver, IpvsTimeoutOptions } from './driver/ipvs-driver.ts';
import { createNetlinkDriver } from './driver/netlink-driver.ts';
import { NO_JOURNAL, type Journal } from './driver/journal.ts';

/** The options of `createIpvsBackend`; one backend serves one family. */
export interface IpvsBackendOptions {
  /** The IP family of the virtual servers: one backend for each. */
  readonly family: Family;
  /** How to reach the kernel; by default netlink and iptables in the network namespace of this process. */
  readonly driver?: IpvsDriver;
  /** A second one for `inspect` and `difference`, so that their listings delay no sync; by default as `driver`. */
  readonly inspector?: IpvsDriver;
  /** Name of an IPVS scheduler, `rr` by default (`--ipvs-scheduler`). */
  readonly scheduler?: string;
  /** Virtual servers with addresses in these are never deleted (`--ipvs-exclude-cidrs`). */
  readonly excludeCIDRs?: readonly string[];
  /** `--ipvs-strict-arp`. */
  readonly strictARP?: boolean;
  /** Seconds; 0 or absent: the values of the kernel stay (`--ipvs-tcp-timeout`, `--ipvs-tcpfin-timeout`, `--ipvs-udp-timeout`). */
  readonly timeouts?: IpvsTimeoutOptions;
  /** The bit of the packet mark for masquerading; 0-31, 14 by default. */
  readonly masqueradeBit?: number;
  /** Milliseconds after which a terminating TCP server goes even with connections; 15 minutes by default. */
  readonly gracefulMaxAge?: number;
  /** Least milliseconds between two readings of the connections of terminating servers; one minute by default. */
  readonly gracefulScanInterval?: number;
  /**
   * A sync with an empty change compares everything with the kernel if this many milliseconds have passed
   * since that was last done; 20 seconds by default, less than the usual period of empty syncs.
   */
  readonly reconcileInterval?: number;
  /** `drop` by default. */
  readonly localPolicyFallback?: LocalPolicyFallback;
  /** Keeps the names of owned virtual servers over a restart; without one, ownership follows from the kernel's state. */
  readonly journal?: Journal;
  /** Measures these times; by default the clock of the system. */
  readonly clock?: Pick<Clock, 'elapsed'>;
}

export type Settings = Required<IpvsBackendOptions>;

export function settingsOf(options: IpvsBackendOptions): Settings {
  return {
    excludeCIDRs: [],
    strictARP: false,
    timeouts: {},
    masqueradeBit: 14,
    gracefulMaxAge: 15 * 60_000,
    gracefulScanInterval: 60_000,
    reconcileInterval: 20_000,
    localPolicyFallback: 'drop',
    journal: NO_JOURNAL,
    clock: systemClock,
    ...options,
    driver: options.driver ?? createNetlinkDriver({ family: options.family }),
    inspector: options.inspector ?? options.driver ?? createNetlinkDriver({ family: options.family }),
    // The empty word means the default on the command line.
    scheduler:
      options.scheduler === undefined || options.scheduler === '' ? DEFAULT_SCHEDULER : options.scheduler,
  };
}

export async function closeDrivers({ driver, inspector }: Settings): Promise<void> {
  for (const each of new Set([driver, inspector])) await each.close();
}
