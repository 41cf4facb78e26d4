/**
 * Events on Services whose ports the kernel or its tool refused: once when a port is refused, and again after a sync has
 * programmed it. Retries of the same port add none, whatever their error. The log has each failure (log-sync.ts).
 */
import { parseServicePortKey, type Family, type ServiceFailure } from '@signalbox/core';
import type { Events } from '../compose/composition.ts';
import { warnService } from './service-warning.ts';

export interface RefusalReporter {
  /** After each sync that did not fail as a whole: all service ports and other objects that were refused. */
  readonly synced: (failures: readonly ServiceFailure[]) => void;
}

export function createRefusalReporter(family: Family, events: Events): RefusalReporter {
  let refused: ReadonlySet<string> = new Set();
  return {
    synced: (failures) => {
      for (const failure of failures) if (!refused.has(failure.key)) record(events, family, failure);
      refused = new Set(failures.map(({ key }) => key));
    },
  };
}

/** Without the detail of the error: it may contain all input of the tool. */
function record(events: Events, family: Family, { key, error }: ServiceFailure): void {
  const port = parseServicePortKey(key);
  // An object that does not belong to one service port.
  if (port === null) return;
  warnService(events, {
    service: `${port.namespace}/${port.name}`,
    reason: 'FailedToProgramServicePort',
    note: `${key} ${family}: ${error.operation}: ${error.message} (${error.code})`,
  });
}
