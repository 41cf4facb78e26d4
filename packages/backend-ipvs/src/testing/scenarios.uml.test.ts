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

/**
 * User-Mode Linux is slow: only what the kernel or the rules around IPVS decide. Which endpoints a service has
 * is decided before. `SCENARIO=` (empty) plays all.
 */
const DECIDED_HERE: readonly RegExp[] = [
  /^cluster-ip\/(ipv6|tcp|udp|one-port-two-protocols)$/,
  /^(dual-stack\/one-family-empty|endpoints\/scale-to-zero|identity\/same-address-twice|load-balancer\/vip)$/,
  /^(external-ip|hairpin|health-check-node-port|no-endpoints)\//,
  /^external-traffic-policy\/(local|no-local-endpoints)$/,
  /^internal-traffic-policy\//,
  /^masquerade\/(all|no-detector|bridge-interface)$/,
  /^node-port\/(addresses|udp-ipv6)$/,
  /^session-affinity\/(client-ip|endpoint-goes)$/,
  /^source-ranges\/(allowed-and-refused|ipv6|node-inside)$/,
];

kernelSuite({
  mode: 'ipvs',
  only: (id) => DECIDED_HERE.some((pattern) => pattern.test(id)),
  label: 'ipvs, iptables legacy variant',
  create: ({ family, prefix, options, faults }) => {
    const driver = sharedDriver({ family, prefix, variant: 'legacy' });
    return createIpvsBackend({ family, driver: faultyDriver(driver, faults), ...scenarioOptions(options) });
  },
});
