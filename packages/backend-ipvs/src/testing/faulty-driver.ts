import { backendError, type BackendError } from '@signalbox/core';
import type { FaultPlan } from '@signalbox/core/testing';
import type { IpvsDriver, OperationFailure } from '../driver/ipvs-driver.ts';
import type { Operation } from '../objects/operation.ts';

/** Writes fail before the kernel saw them, or are reported as failed although it took them. */
export function faultyDriver(driver: IpvsDriver, faults: FaultPlan): IpvsDriver {
  const write = async (operation: Operation): Promise<readonly OperationFailure[]> => {
    if (faults(`${operation.kind}, before`)) return [{ index: 0, error: injected(operation, 'before') }];
    const [failures = []] = await driver.apply([operation]);
    if (failures.length > 0 || !faults(`${operation.kind}, after`)) return failures;
    return [{ index: 0, error: injected(operation, 'after') }];
  };
  return {
    ...driver,
    async apply(operations) {
      const results: (readonly OperationFailure[])[] = [];
      for (const operation of operations) results.push(await write(operation));
      return results;
    },
  };
}

function injected({ kind }: Operation, when: 'before' | 'after'): BackendError {
  return backendError('timeout', kind, `injected fault ${when} the kernel did it`);
}
