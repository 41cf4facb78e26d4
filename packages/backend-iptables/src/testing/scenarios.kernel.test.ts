import { kernelSuite } from '@signalbox/testkit/kernel-suite';
import { createExecDriver } from '@signalbox/iptables';
import { withFaults } from '@signalbox/iptables/testing';
import { createIptablesBackend } from '../sync/iptables-backend.ts';
import { backendOptions } from './scenario-backend.ts';

for (const variant of ['nft', 'legacy'] as const) {
  kernelSuite({
    mode: 'iptables',
    label: `iptables, ${variant} variant`,
    create({ family, prefix, options, faults }) {
      const driver = createExecDriver({ family, variant, commandPrefix: prefix });
      return createIptablesBackend({
        family,
        driver: withFaults(driver, faults),
        ...backendOptions(options),
      });
    },
  });
}
