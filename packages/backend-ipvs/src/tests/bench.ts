/** A backend on a fake kernel, and what tests ask of it. */
import { backendError, type Backend, type SyncResult } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { expect } from 'vitest';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import type { Journal } from '../driver/journal.ts';
import { formatServers } from '../format/ipvsadm.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import type { IpvsBackendOptions } from '../options.ts';
import { createFakeIpvs, createFakeKernel, type FakeIpvs } from '../testing/fake-ipvs.ts';
import type { FakeKernel } from '../testing/fake-kernel.ts';

export interface Bench {
  readonly kernel: FakeKernel;
  readonly fake: FakeIpvs;
  readonly clock: ManualClock;
  readonly backend: Backend;
  /** A new process on the same kernel. */
  readonly restart: (options?: Partial<IpvsBackendOptions>) => Bench;
}

export const HOST = ['127.0.0.1', '192.0.2.10', '192.0.2.11'];

export function bench(
  options: Partial<IpvsBackendOptions> = {},
  kernel = createFakeKernel({ hostAddresses: HOST }),
): Bench {
  const fake = createFakeIpvs({ family: 'IPv4', kernel });
  const clock = createManualClock();
  const backend = createIpvsBackend({ family: 'IPv4', driver: fake.driver, clock, ...options });
  return { kernel, fake, clock, backend, restart: (next = options) => bench(next, kernel) };
}

export interface MemoryJournal extends Journal {
  keys: readonly string[] | null;
  others: readonly string[];
  /** How often saving fails from here on. */
  failures: number;
}

export function memoryJournal(): MemoryJournal {
  const journal: MemoryJournal = {
    keys: null,
    others: [],
    failures: 0,
    load: async () =>
      journal.keys === null ? null : { owned: new Set(journal.keys), others: new Set(journal.others) },
    save: async ({ owned, others }) => {
      if (journal.failures-- > 0) return backendError('unavailable', 'journal', 'no space');
      journal.keys = [...owned].sort();
      journal.others = [...others].sort();
      return null;
    },
    remove: async () => {
      journal.keys = null;
      return null;
    },
  };
  return journal;
}

/** Lists everything but one virtual server, once for each name that is put into `missed`. */
export function overlooking(driver: IpvsDriver, missed: string[]): IpvsDriver {
  return {
    ...driver,
    observe: async () => {
      const seen = await driver.observe();
      const name = missed.shift();
      if (!seen.ok || name === undefined) return seen;
      const servers = new Map(seen.value.servers);
      if (!servers.delete(name)) throw new Error(`there is no ${name} to be missed`);
      return { ok: true, value: { ...seen.value, servers } };
    },
  };
}

export const servers = (kernel: FakeKernel): string => formatServers(kernel.servers.values());
export const kinds = (fake: FakeIpvs, from = 0): readonly string[] =>
  fake.operations.slice(from).map(({ kind }) => kind);
export const OTHER_SERVER = {
  protocol: 'TCP',
  address: '192.0.2.10',
  port: 8443,
  scheduler: 'wlc',
  flags: 0,
  timeoutSeconds: 0,
} as const;

export function addOtherServer(kernel: FakeKernel): void {
  kernel.apply({ kind: 'server-add', server: OTHER_SERVER });
  kernel.apply({
    kind: 'real-add',
    server: OTHER_SERVER,
    real: { address: '198.51.100.3', port: 443, weight: 7 },
  });
}
export const OTHER_SERVER_TEXT =
  '-A -t 192.0.2.10:8443 -s wlc\n-a -t 192.0.2.10:8443 -r 198.51.100.3:443 -m -w 7\n';

export function okay(result: SyncResult): SyncResult {
  expect(result, JSON.stringify(result, null, 1)).toMatchObject({ outcome: 'ok', failures: [] });
  return result;
}
