import { release } from 'node:os';
import path from 'node:path';
import type { Family } from '@signalbox/core';
import type { Variant } from '@signalbox/iptables';
import { createRemote } from '@signalbox/netns/remote';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';

export interface NamespacedDriverOptions {
  readonly family: Family;
  /** The command line that runs what follows it in the namespace: `['ip', 'netns', 'exec', 'node']`. */
  readonly prefix: readonly string[];
  readonly variant: Variant;
}

const CHILD = path.join(import.meta.dirname, 'driver-child.ts');

/** The netlink driver in another network namespace; its process starts at the first call. */
export function createNamespacedDriver(options: NamespacedDriverOptions): IpvsDriver {
  const { family, prefix, variant } = options;
  const remote = createRemote<IpvsDriver>({ prefix, script: CHILD, args: [family, variant] });
  return {
    kernelRelease: release,
    hasRandomFully: remote.method('hasRandomFully'),
    readSysctl: remote.method('readSysctl'),
    writeSysctl: remote.method('writeSysctl'),
    probe: remote.method('probe'),
    setTimeouts: remote.method('setTimeouts'),
    observe: remote.method('observe'),
    packetFilterDrift: remote.method('packetFilterDrift'),
    packetFilterDifference: remote.method('packetFilterDifference'),
    status: remote.method('status'),
    apply: remote.method('apply'),
    removeRules: remote.method('removeRules'),
    close: () => Promise.resolve(remote.close()),
  };
}
