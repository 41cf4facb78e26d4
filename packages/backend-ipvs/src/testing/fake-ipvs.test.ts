import { FAMILIES } from '@signalbox/core';
import { driverContract } from '../tests/driver-contract.ts';
import { createFakeIpvs, createFakeKernel } from './fake-ipvs.ts';

for (const family of FAMILIES) {
  const kernel = createFakeKernel();
  driverContract({
    name: `the fake, ${family}`,
    family,
    driver: createFakeIpvs({ family, kernel }).driver,
    flushChain: async (table, chain) => kernel.iptables(family).byOthers(`*${table}\n-F ${chain}\nCOMMIT\n`),
  });
}
