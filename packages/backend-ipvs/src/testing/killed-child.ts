/** A proxy in a process of its own that is killed, with SIGKILL and by its own hand, in the middle of its last sync. */
import process from 'node:process';
import { createExecDriver } from '@signalbox/iptables';
import type { DesiredChange, Family } from '@signalbox/core';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import { fileJournal } from '../driver/journal.ts';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import type { Operation, OperationKind } from '../objects/operation.ts';

/**
 * How far the last sync comes: to the first operation of a kind; or to a share of its operations, 0-1, which go in
 * two parts: the first half is of the one that ends with new virtual servers, the second of the other one.
 */
export type KillPoint = OperationKind | number;

export interface KilledRun {
  readonly family: Family;
  /** File of the journal. */
  readonly journal: string;
  /** Synced in order; the last one is not survived. */
  readonly changes: readonly DesiredChange[];
  readonly at: KillPoint;
}

/** How many of them are survived; all of them where the point is not among them. */
function before(operations: readonly Operation[], part: number, at: KillPoint): number {
  if (typeof at === 'number') return Math.floor(Math.min(1, 2 * at - part) * operations.length);
  const index = operations.findIndex(({ kind }) => kind === at);
  return index === -1 ? operations.length : index;
}

/** Operations after the point are on their way to the kernel when the process dies; their replies are lost. */
function deadly(driver: IpvsDriver, at: KillPoint): IpvsDriver {
  let part = 0;
  return {
    ...driver,
    async apply(operations) {
      const survived = before(operations, part, at);
      part += 1;
      if (survived === operations.length) return driver.apply(operations);
      await driver.apply(operations.slice(0, survived));
      void driver.apply(operations.slice(survived, survived + 1));
      process.kill(process.pid, 'SIGKILL');
      return [];
    },
  };
}

async function run({ family, journal, changes, at }: KilledRun): Promise<void> {
  const driver = createNetlinkDriver({ family, iptables: createExecDriver({ family, variant: 'legacy' }) });
  const mortal: { driver: IpvsDriver } = { driver };
  const backend = createIpvsBackend({
    family,
    driver: { ...driver, apply: (operations) => mortal.driver.apply(operations) },
    journal: fileJournal(journal),
  });
  for (const [index, change] of changes.entries()) {
    if (index === changes.length - 1) mortal.driver = deadly(driver, at);
    const result = await backend.sync(change);
    if (result.outcome !== 'ok') throw new Error(JSON.stringify(result, null, 1));
  }
  throw new Error('the last sync was survived');
}

process.once('message', (message) => void run(message as KilledRun));
