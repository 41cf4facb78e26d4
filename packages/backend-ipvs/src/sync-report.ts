import type { SyncReport } from '@signalbox/backend-kit';
import type { BackendError, SyncResult } from '@signalbox/core';
import type { Executed } from './execute.ts';
import type { OperationKind } from './objects/operation.ts';

/** Names of the counters by operation; what is not named here is counted under its kind. */
const COUNTERS: Readonly<Record<OperationKind, string>> = {
  'set-create': 'sets_created',
  'set-replace': 'entries_replaced',
  'set-add': 'entries_added',
  'set-delete': 'entries_deleted',
  'set-destroy': 'sets_destroyed',
  'server-add': 'virtual_servers_added',
  'server-update': 'virtual_servers_updated',
  'server-delete': 'virtual_servers_deleted',
  'real-add': 'real_servers_added',
  'real-update': 'real_servers_updated',
  'real-delete': 'real_servers_deleted',
  'device-create': 'devices_created',
  'device-delete': 'devices_deleted',
  'address-add': 'addresses_added',
  'address-delete': 'addresses_deleted',
  'packet-filter-install': 'packet_filters_installed',
  'sets-retype': 'sets_retyped',
};

/** Adds what the operations of a plan did. */
export function countExecuted(report: SyncReport, { counts }: Executed): void {
  for (const [kind, amount] of counts) report.count(COUNTERS[kind], amount);
}

/** Reports what failed; `fatal` is what all services need. */
export function reportFailures(
  report: SyncReport,
  { failures, fatal }: Pick<Executed, 'failures' | 'fatal'>,
): void {
  for (const { key, error } of failures) report.fail(key, error);
  if (fatal !== undefined) report.failAll(fatal);
}

/** The end of a sync that could not go on. */
export function failedWith(report: SyncReport, error: BackendError): SyncResult {
  report.failAll(error);
  return report.result();
}
