import { backendError } from '@signalbox/core';
import type { FaultPlan } from '@signalbox/core/testing';
import { kernelSuite } from '@signalbox/testkit/kernel-suite';
import { createExecDriver } from '../driver/exec-driver.ts';
import { failure, type IptablesDriver, type Variant } from '../driver/iptables-driver.ts';
import { createIptablesBackend } from '../iptables-backend.ts';

/** Transactions fail before the kernel saw them, or are reported as failed although it took them. */
function faulty(driver: IptablesDriver, faults: FaultPlan): IptablesDriver {
  const injected = (when: string) =>
    failure(backendError('rejected', 'iptables-restore', `injected fault ${when} the transaction`));
  return {
    ...driver,
    async restore(input) {
      if (faults('restore, before')) return injected('before');
      const result = await driver.restore(input);
      return result.ok && faults('restore, after') ? injected('after') : result;
    },
  };
}

for (const variant of ['nft', 'legacy'] satisfies readonly Variant[]) {
  kernelSuite({
    mode: 'iptables',
    label: `iptables, ${variant} variant`,
    create: ({ family, prefix, faults }) => {
      const driver = createExecDriver({ family, variant, commandPrefix: prefix });
      return createIptablesBackend({ family, driver: faulty(driver, faults) });
    },
  });
}
