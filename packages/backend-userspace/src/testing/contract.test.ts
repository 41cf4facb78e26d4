import { contractCases, type ContractKernel } from '@signalbox/backend-kit/testing';
import { FAMILIES, type Family } from '@signalbox/core';
import { describe, it } from 'vitest';
import { createUserspaceBackend } from '../userspace-backend.ts';
import { createFakeDriver, createFakeNode } from './fake-node.ts';
import { describeNode } from './golden.ts';

const OTHER_ADDRESS = '198.51.100.200';

function createKernel(family: Family): Promise<ContractKernel> {
  const failures: string[] = [];
  const node = createFakeNode(['192.0.2.10', '2001:db8::10', OTHER_ADDRESS]);
  const faults = (operation: string): boolean => {
    const [next] = failures;
    const isDue = next !== undefined && operation.endsWith(next === 'unchanged' ? 'before' : 'after');
    if (isDue) failures.shift();
    return isDue;
  };
  const other = `TCP ${OTHER_ADDRESS}:22`;
  return Promise.resolve({
    createBackend: () =>
      createUserspaceBackend({ family, driver: createFakeDriver({ family, node, faults }) }),
    snapshot: () => Promise.resolve(describeNode(node, family)),
    damage: () => {
      node.addresses.delete(node.addresses.keys().next().value ?? '');
      return Promise.resolve();
    },
    addOthers: () => {
      node.busy.add(other);
      return Promise.resolve();
    },
    hasOthers: () => Promise.resolve(node.busy.has(other) && node.hostAddresses.has(OTHER_ADDRESS)),
    failNextWrite: (state) => {
      failures.push(state);
      return () => failures.length === 0;
    },
    writes: () => node.operations.length,
    close: () => Promise.resolve(),
  });
}

describe.each(FAMILIES)('the userspace backend on its fake node, %s', (family) => {
  for (const { title, run } of contractCases({
    family,
    endsWithProcess: true,
    createKernel: () => createKernel(family),
  }))
    it(title, run);
});
