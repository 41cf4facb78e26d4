import { backendError, fail } from '@signalbox/core';
import { type IptablesDriver } from '../driver/iptables-driver.ts';
import type { FakeFaults } from './fake-iptables.ts';

/**
 * A driver whose writes fail at times: before the tool runs (as if the lock were held), or after it (as if its result
 * were lost). Operations passed to `faults`: `iptables-restore`, `iptables-restore end`.
 */
export function withFaults(driver: IptablesDriver, faults: FakeFaults): IptablesDriver {
  return {
    ...driver,
    async restore(input) {
      if (faults('iptables-restore')) {
        return fail(
          backendError('busy', 'iptables-restore', 'the xtables lock is held', { kernel: 'unchanged' }),
        );
      }
      const done = await driver.restore(input);
      if (!done.ok || !faults('iptables-restore end')) return done;
      return fail(backendError('timeout', 'iptables-restore', 'did not exit within the time limit'));
    },
  };
}
