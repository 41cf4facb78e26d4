import { expect, it } from 'vitest';
import type { SlotGroup } from '../objects/ruleset.ts';
import { createPlan } from './plan.ts';
import { planGroup, type SlotTable } from './increment.ts';

it('keeps the slots of a group as long as it exists, and nothing of one that is gone', () => {
  const slots: SlotTable = new Map();
  const group: SlotGroup = {
    map: 'cluster-endpoints',
    frontend: '10.96.0.1 . tcp . 80',
    endpoints: ['10.244.1.1 . 80', '10.244.1.2 . 80'],
  };
  planGroup(createPlan(), { id: 'a', before: undefined, after: group }, slots);
  expect([...slots.keys()]).toEqual(['a']);
  const plan = createPlan();
  planGroup(plan, { id: 'a', before: group, after: undefined }, slots);
  expect(slots.size).toBe(0);
  const keys = plan.operations().flatMap((operation) => ('keys' in operation ? operation.keys : []));
  expect(keys).toEqual(['10.96.0.1 . tcp . 80 . 0', '10.96.0.1 . tcp . 80 . 1']);
});
