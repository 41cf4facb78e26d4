import { expect, it } from 'vitest';
import { rule } from '../objects/rule.ts';
import { driftOf } from './drift.ts';
import { createPlan } from './plan.ts';

const chain = (name: string) => ({ name, rules: [rule([], { kind: 'masquerade' })] });

it('reports a chain that is added with its rules once, and a chain whose rules alone are written as altered', () => {
  const plan = createPlan();
  plan.addChain(chain('added'));
  plan.rewriteChain(chain('rewritten'));
  expect(driftOf(plan.operations())).toEqual([
    { kind: 'missing', type: 'chain', name: 'added' },
    { kind: 'altered', type: 'chain', name: 'rewritten' },
  ]);
});
