import { expect, it } from 'vitest';
import { planEntries } from './plan-sets.ts';
import { createPlan } from './plan.ts';

it.each([
  [65_536, 'set-add'],
  [65_537, 'set-replace'],
] as const)('an entry that makes %i in a set with space for 65,536 is written by %s', (count, kind) => {
  const plan = createPlan();
  const entry = { kind: 'address-port', address: '10.96.0.10', protocol: 'TCP', port: 80 } as const;
  const step = { owner: 'service', placed: { set: 'CLUSTER-IP', entry } } as const;
  const planner = {
    plan,
    family: 'IPv4',
    count: () => count,
    space: () => 65_536,
    content: () => [step],
  } as const;
  planEntries(planner, [step], []);
  expect(plan.operations().map(({ operation }) => operation.kind)).toEqual([kind]);
});
