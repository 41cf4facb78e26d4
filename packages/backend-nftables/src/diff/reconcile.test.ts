import { expect, it } from 'vitest';
import { groupId } from '../objects/ruleset.ts';
import { createDesiredObjects } from './desired-objects.ts';
import { reconcile } from './reconcile.ts';

const MAP = 'cluster-endpoints';
const FRONTEND = '10.96.0.10 . tcp . 80';

it('keeps the endpoints in all 65,536 slots of the largest class, and deletes elements beyond them', () => {
  const endpoints = Array.from({ length: 65_536 }, (_, slot) => `10.${slot >> 8}.${slot & 255}.1 . 80`);
  const desired = createDesiredObjects({
    family: 'IPv4',
    mark: 0x4000,
    maglevSlots: 1021,
    capabilities: { concatenatedIntervals: true, elementCounters: true, clientHash: true },
  });
  const group = { map: MAP, frontend: FRONTEND, endpoints } as const;
  desired.groups.contribute('service', [[groupId(group), group]]);
  const held = new Map(endpoints.map((endpoint, slot) => [`${FRONTEND} . ${slot}`, endpoint]));
  // The last one is no index of an array.
  const beyond = [65_536, 4_294_967_295].map((slot) => `${FRONTEND} . ${slot}`);
  for (const key of beyond) held.set(key, '10.0.0.1 . 80');
  const { plan, slots } = reconcile(desired, {
    generation: 1,
    identity: '',
    counts: new Map(),
    quality: 'consistent',
    exists: true,
    dormant: false,
    chains: new Map(),
    sets: new Map(),
    elements: { bySet: new Map([[MAP, held]]), expected: 0 },
  });
  expect(plan.operations()).toEqual([{ kind: 'delete-elements', set: MAP, keys: beyond }]);
  expect(slots.get(groupId(group))).toEqual(endpoints);
});
