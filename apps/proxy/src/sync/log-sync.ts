import { formatDriftList } from '@signalbox/backend-kit';
import { formatBackendError, type DesiredCounts, type Family, type SyncResult } from '@signalbox/core';
import type { Logger } from '../logging/logger.ts';

export interface LoggedSync {
  readonly family: Family;
  readonly reason: string;
  readonly result: SyncResult;
  readonly counts: DesiredCounts;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** One line for a sync (verbosity 2), one for each thing that went wrong or was put right (always). */
export function logSync(logger: Logger, sync: LoggedSync): void {
  const { family, result, counts } = sync;
  for (const object of formatDriftList(result.repaired)) {
    logger.warning('Repaired rules modified by another process', { family, object });
  }
  for (const { key, error } of result.failures) {
    logger.error('Failed to program service port', {
      err: formatBackendError(error),
      family,
      key,
    });
  }
  if (result.outcome === 'failed') {
    const err = result.error === undefined ? 'no error given' : formatBackendError(result.error);
    logger.error('Sync failed', { err, family, reason: sync.reason });
    return;
  }
  logger.debug(2, 'Synced', {
    family,
    reason: sync.reason,
    scope: result.scope,
    servicePorts: counts.servicePorts,
    endpoints: counts.endpoints,
    milliseconds: Number((sync.endedAt - sync.startedAt).toFixed(1)),
  });
}
