import { describe, expect, it } from 'vitest';
import { createOwnedObjects } from './owned-objects.ts';

const steps = (objects: ReturnType<typeof createOwnedObjects<number>>) =>
  Object.fromEntries(objects.takeSteps());

describe('OwnedObjects', () => {
  it('puts the object of the owner whose name sorts first in force, whatever the order of arrival', () => {
    const objects = createOwnedObjects<number>();
    objects.contribute('b', [['vip', 2]]);
    objects.contribute('a', [['vip', 1]]);
    expect([objects.get('vip'), objects.ownerOf('vip'), objects.size]).toEqual([1, 'a', 1]);
    objects.contribute('a', []);
    expect([objects.get('vip'), objects.ownerOf('vip')]).toEqual([2, 'b']);
  });

  it('removes an object with its last owner', () => {
    const objects = createOwnedObjects<number>();
    objects.contribute('a', [['vip', 1]]);
    objects.contribute('b', [['vip', 1]]);
    objects.takeSteps();
    objects.contribute('a', []);
    expect(steps(objects)).toEqual({});
    objects.contribute('b', []);
    expect(steps(objects)).toEqual({ vip: { before: 1, after: undefined } });
    expect(objects.has('vip')).toBe(false);
    expect(objects.ownerOf('vip')).toBe('vip');
  });

  it('replaces everything that an owner contributed before', () => {
    const objects = createOwnedObjects<number>();
    objects.contribute('a', [
      ['one', 1],
      ['two', 2],
    ]);
    objects.contribute('a', [['two', 3]]);
    expect([...objects.entries()]).toEqual([['two', 3]]);
    expect([...objects.keys()]).toEqual(['two']);
  });

  it('reports one step from the last call to now, and none for what is the same again', () => {
    const objects = createOwnedObjects<{ readonly weight: number }>(
      (one, other) => one.weight === other.weight,
    );
    objects.contribute('a', [['vip', { weight: 1 }]]);
    objects.takeSteps();
    objects.contribute('a', [['vip', { weight: 2 }]]);
    objects.contribute('a', [['vip', { weight: 1 }]]);
    expect(objects.takeSteps().size).toBe(0);
    objects.contribute('a', [['vip', { weight: 3 }]]);
    expect(objects.takeSteps().get('vip')).toEqual({ before: { weight: 1 }, after: { weight: 3 } });
    expect(objects.takeSteps().size).toBe(0);
  });

  it('withdraws all owners on clear', () => {
    const objects = createOwnedObjects<number>();
    objects.contribute('a', [['one', 1]]);
    objects.contribute('b', [['two', 2]]);
    objects.takeSteps();
    objects.clear();
    expect(objects.size).toBe(0);
    expect([...objects.takeSteps().keys()]).toEqual(['one', 'two']);
    objects.contribute('a', [['one', 4]]);
    expect(objects.get('one')).toBe(4);
  });
});
