import { contractCases, type ContractKernel } from '@signalbox/backend-kit/testing';
import { FAMILIES, type Family } from '@signalbox/core';
import { describe, it } from 'vitest';
import { chainRules } from '../encode/chain-rules.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { createFakeNftables } from './fake-nftables.ts';
import { snapshotText } from './snapshot.ts';

function createKernel(family: Family): Promise<ContractKernel> {
  const fake = createFakeNftables({ family });
  const others = { kept: true };
  return Promise.resolve({
    createBackend: () => createNftablesBackend({ family, driver: fake.driver, verifier: { ...fake.driver } }),
    snapshot: () => {
      const { table } = fake;
      if (table === null) return Promise.resolve('');
      const chains = [...table.chains].map(([name, { chain }]) => [name, chainRules(chain, family)] as const);
      const elements = [...table.sets].map(([name, set]) => [name, set.elements] as const);
      return Promise.resolve(snapshotText({ chains, elements }));
    },
    damage: () => {
      const [key = ''] = fake.table?.sets.get('service-ips')?.elements.keys() ?? [];
      fake.byOthers({ kind: 'delete-elements', set: 'service-ips', keys: [key] });
      return Promise.resolve();
    },
    // The driver reaches no other table.
    addOthers: () => Promise.resolve(fake.byOthers()),
    hasOthers: () => Promise.resolve(others.kept),
    failNextWrite: (kernel) => {
      fake.failNext(kernel);
      return () => fake.failuresLeft === 0;
    },
    writes: () => fake.commits,
    close: () => Promise.resolve(),
  });
}

describe.each(FAMILIES)('the nftables backend on its fake kernel, %s', (family) => {
  for (const { title, run } of contractCases({ family, createKernel: () => createKernel(family) }))
    it(title, run);
});
