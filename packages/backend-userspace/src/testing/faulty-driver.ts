import { backendError, type BackendError } from '@signalbox/core';
import type { FaultPlan } from '@signalbox/core/testing';
import type { UserspaceDriver } from '../driver/userspace-driver.ts';
import type { Operation } from '../objects/operation.ts';

/** Writes fail before they are applied, or are reported as failed although they were applied. */
export function faultyDriver(driver: UserspaceDriver, faults: FaultPlan): UserspaceDriver {
  const write = async (operation: Operation): Promise<BackendError | null> => {
    if (faults(`${operation.kind}, before`)) return injected(operation);
    const [error = null] = await driver.apply([operation]);
    if (error !== null) return error;
    return faults(`${operation.kind}, after`) ? injected(operation) : null;
  };
  return {
    ...driver,
    async apply(operations) {
      const results: (BackendError | null)[] = [];
      for (const operation of operations) results.push(await write(operation));
      return results;
    },
  };
}

function injected({ kind }: Operation): BackendError {
  return backendError('timeout', kind, 'injected fault');
}
