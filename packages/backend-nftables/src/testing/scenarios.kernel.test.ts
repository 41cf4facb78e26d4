import { kernelSuite } from '@signalbox/testkit/kernel-suite';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { withFaults } from './faulty-driver.ts';
import { createNamespacedDriver, type NamespacedDriverOptions } from './namespaced-driver.ts';
import { backendOptions } from './scenario-backend.ts';

/** One process for each family, until the test's own ends. */
const drivers = new Map<string, NftablesDriver>();

function sharedDriver(options: NamespacedDriverOptions): NftablesDriver {
  const key = `${options.family} ${options.prefix.join(' ')}`;
  const driver = drivers.get(key) ?? createNamespacedDriver(options);
  drivers.set(key, driver);
  return { ...driver, close: () => undefined };
}

kernelSuite({
  mode: 'nftables',
  label: 'nftables',
  create({ family, prefix, options, faults }) {
    const driver = withFaults(sharedDriver({ family, prefix }), faults);
    return createNftablesBackend({ family, driver, ...backendOptions(options) });
  },
});
