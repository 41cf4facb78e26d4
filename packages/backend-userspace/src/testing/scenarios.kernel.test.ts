import { kernelSuite } from '@signalbox/testkit/kernel-suite';
import { createUserspaceBackend } from '../userspace-backend.ts';
import { expectedOutcome } from './expected-outcome.ts';
import { faultyDriver } from './faulty-driver.ts';
import type { UserspaceDriver } from '../driver/userspace-driver.ts';
import { createNamespacedDriver, type NamespacedDriverOptions } from './namespaced-driver.ts';

/** One process for each family, which ends with the test process: the cleanup of a scenario closes its sockets. */
const drivers = new Map<string, UserspaceDriver>();

function sharedDriver(options: NamespacedDriverOptions): UserspaceDriver {
  const key = `${options.family} ${options.prefix.join(' ')}`;
  const driver = drivers.get(key) ?? createNamespacedDriver(options);
  drivers.set(key, driver);
  return { ...driver, close: () => Promise.resolve() };
}

kernelSuite({
  mode: 'userspace',
  label: 'userspace',
  expects: expectedOutcome,
  create: ({ family, prefix, faults }) => {
    const driver = sharedDriver({ family, prefix });
    return createUserspaceBackend({ family, driver: faultyDriver(driver, faults) });
  },
});
