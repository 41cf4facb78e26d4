import { contractCases, type ContractKernel } from '@signalbox/backend-kit/testing';
import { FAMILIES, type Family } from '@signalbox/core';
import { describe, it } from 'vitest';
import { createIpvsBackend } from '../ipvs-backend.ts';
import { serverOfKey, type VirtualServer } from '../objects/virtual-server.ts';
import { dumpKernel } from './dump.ts';
import { createFakeIpvs, createFakeKernel } from './fake-ipvs.ts';

/** A virtual server of an administrator, on an address that no Service has. */
function otherServer(key: string): VirtualServer {
  const server = serverOfKey(key);
  if (server === null) throw new Error(`not a virtual server: ${key}`);
  return { ...server, scheduler: 'rr' };
}

const OTHERS = '*filter\n:OTHERS - [0:0]\n-A OTHERS -j RETURN\nCOMMIT\n';

function createKernel(family: Family): Promise<ContractKernel> {
  const failures: string[] = [];
  const isWrite = (operation: string): boolean => operation !== 'observe' && operation !== 'status';
  const faults = (operation: string): boolean => isWrite(operation) && failures.shift() !== undefined;
  const kernel = createFakeKernel({ hostAddresses: ['192.0.2.10', '2001:db8::10'] });
  const fake = createFakeIpvs({ family, kernel, faults });
  const key = `TCP ${family === 'IPv4' ? '203.0.113.250' : '[2001:db8:113::fa]'}:8443`;
  return Promise.resolve({
    createBackend: () => createIpvsBackend({ family, driver: fake.driver, reconcileInterval: 0 }),
    snapshot: () => Promise.resolve(dumpKernel(kernel, family)),
    damage: () => {
      kernel.servers.delete(kernel.servers.keys().next().value ?? '');
      return Promise.resolve();
    },
    addOthers: () => {
      kernel.servers.set(key, { server: otherServer(key), reals: new Map() });
      kernel.iptables(family).byOthers(OTHERS);
      return Promise.resolve();
    },
    hasOthers: () => {
      const rules = kernel.iptables(family).kernel.table('filter').get('OTHERS');
      return Promise.resolve(kernel.servers.has(key) && rules?.length === 1);
    },
    failNextWrite: (state) => {
      failures.push(state);
      return () => failures.length === 0;
    },
    writes: () => fake.operations.length,
    close: () => Promise.resolve(),
  });
}

describe.each(FAMILIES)('the ipvs backend on its fake kernel, %s', (family) => {
  for (const { title, run } of contractCases({ family, createKernel: () => createKernel(family) }))
    it(title, run);
});
