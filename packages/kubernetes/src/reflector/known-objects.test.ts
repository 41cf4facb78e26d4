import { describe, expect, it } from 'vitest';

import { createKnownObjects } from './known-objects.ts';

const object = (name: string, resourceVersion = '1') => ({
  metadata: { name, namespace: 'default', resourceVersion },
});

describe('createKnownObjects', () => {
  it('has an event for the deletion of a known object alone, and only once', () => {
    const known = createKnownObjects('Service');
    expect(known.delete(object('a'))).toBeNull();
    known.upsert(object('a'));
    expect(known.delete(object('a', '2'))).toMatchObject({ type: 'delete', name: 'a' });
    expect(known.delete(object('a', '2'))).toBeNull();
  });

  it('deletes an object once that a new list adds and removes while it arrives', () => {
    const known = createKnownObjects('Service');
    known.upsert(object('a'));
    known.upsert(object('gone'));
    const list = known.replace();
    expect(list.add(object('a'))).toBeNull();
    expect(list.remove(object('a'))).toMatchObject({ type: 'delete', name: 'a' });
    expect(list.remove(object('never'))).toBeNull();
    expect(list.finish()).toMatchObject([{ type: 'delete', name: 'gone' }]);
    expect(known.size).toBe(0);
  });
});
