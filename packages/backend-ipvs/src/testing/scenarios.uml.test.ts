import { kernelSuite } from '@signalbox/testkit/kernel-suite';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import { faultyDriver } from './faulty-driver.ts';
import { createNamespacedDriver, type NamespacedDriverOptions } from './namespaced-driver.ts';
import { scenarioOptions } from './scenario-backend.ts';

/** Processes start slowly in User-Mode Linux: one for each family, until the test's own ends. */
const drivers = new Map<string, IpvsDriver>();

function sharedDriver(options: NamespacedDriverOptions): IpvsDriver {
  const key = `${options.family} ${options.prefix.join(' ')}`;
  const driver = drivers.get(key) ?? createNamespacedDriver(options);
  drivers.set(key, driver);
  return { ...driver, close: () => Promise.resolve() };
}

kernelSuite({
  mode: 'ipvs',
  label: 'ipvs, iptables legacy variant',
  create: ({ family, prefix, options, faults }) => {
    const driver = sharedDriver({ family, prefix, variant: 'legacy' });
    return createIpvsBackend({ family, driver: faultyDriver(driver, faults), ...scenarioOptions(options) });
  },
});
