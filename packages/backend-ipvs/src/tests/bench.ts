/** A backend on a fake kernel, and what tests ask of it. */
import type { Backend, SyncResult } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { expect } from 'vitest';
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

export function memoryJournal(): Journal & { keys: readonly string[] | null } {
  const journal: Journal & { keys: readonly string[] | null } = {
    keys: null,
    load: async () => (journal.keys === null ? null : new Set(journal.keys)),
    save: async (keys) => {
      journal.keys = [...keys].sort();
      return null;
    },
    remove: async () => {
      journal.keys = null;
      return null;
    },
  };
  return journal;
}

export const servers = (kernel: FakeKernel): string => formatServers(kernel.servers.values());
export const kinds = (fake: FakeIpvs, from = 0): readonly string[] =>
  fake.operations.slice(from).map(({ kind }) => kind);
export const FOREIGN = {
  protocol: 'TCP',
  address: '192.0.2.10',
  port: 8443,
  scheduler: 'wlc',
  flags: 0,
  timeoutSeconds: 0,
} as const;

export function addForeign(kernel: FakeKernel): void {
  kernel.apply({ kind: 'server-add', server: FOREIGN });
  kernel.apply({
    kind: 'real-add',
    server: FOREIGN,
    real: { address: '198.51.100.3', port: 443, weight: 7 },
  });
}
export const FOREIGN_TEXT =
  '-A -t 192.0.2.10:8443 -s wlc\n-a -t 192.0.2.10:8443 -r 198.51.100.3:443 -m -w 7\n';

export function okay(result: SyncResult): SyncResult {
  expect(result, JSON.stringify(result, null, 1)).toMatchObject({ outcome: 'ok', failures: [] });
  return result;
}
