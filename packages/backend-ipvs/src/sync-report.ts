import type { BackendError, Drift, ServiceFailure, SyncCounters, SyncResult } from '@signalbox/core';
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
  'program-install': 'packet_filters_installed',
  'sets-retype': 'sets_retyped',
};

/** Gathers what the parts of one sync did. */
export class SyncReport {
  #scope: SyncResult['scope'] = 'none';
  #failures: ServiceFailure[] = [];
  #fatal: BackendError | undefined;
  readonly #repaired: Drift[] = [];
  readonly #counters: Record<string, number> = {};

  /** No part of the sync has done anything. */
  get isIdle(): boolean {
    return this.#scope === 'none';
  }

  count(executed: Executed): void {
    for (const [kind, amount] of executed.counts) {
      this.#counters[COUNTERS[kind]] = (this.#counters[COUNTERS[kind]] ?? 0) + amount;
    }
  }

  reach(scope: 'full' | 'partial'): void {
    if (this.#scope !== 'full') this.#scope = scope;
  }

  fail(executed: Pick<Executed, 'failures' | 'fatal'>): void {
    for (const failure of executed.failures) this.#failures.push(failure);
    this.#fatal ??= executed.fatal;
  }

  failOne(key: string, error: BackendError): void {
    this.#failures.push({ key, error });
  }

  repair(drift: readonly Drift[]): void {
    for (const each of drift) this.#repaired.push(each);
  }

  failed(error: BackendError): SyncResult {
    this.#fatal = error;
    return this.result({});
  }

  result(gauges: SyncCounters): SyncResult {
    const counters = { ...this.#counters, ...gauges };
    const rest = { scope: this.#scope, failures: this.#failures, repaired: this.#repaired, counters };
    if (this.#fatal !== undefined) return { outcome: 'failed', ...rest, error: this.#fatal };
    return { outcome: this.#failures.length > 0 ? 'partial' : 'ok', ...rest };
  }
}
