import { describe, expect, it } from 'vitest';

import { createObjectSet } from './object-set.ts';
import type { ManifestObject } from './parse-manifest.ts';

function object(where: string, name: string, body = ''): ManifestObject {
  return {
    resource: 'Service',
    namespace: 'default',
    name,
    object: { name, body },
    text: name + body,
    where,
  };
}

const files = (entries: Record<string, ManifestObject[]>): Map<string, ManifestObject[]> =>
  new Map(Object.entries(entries));

describe('createObjectSet', () => {
  it('tells only what changed', () => {
    const set = createObjectSet();
    set.update(files({ a: [object('a', 'one'), object('a', 'two')] }));
    const { events } = set.update(files({ a: [object('a', 'two', '!')], b: [object('b', 'three')] }));
    expect(events).toEqual([
      { type: 'delete', resource: 'Service', namespace: 'default', name: 'one' },
      { type: 'upsert', resource: 'Service', object: { name: 'two', body: '!' } },
      { type: 'upsert', resource: 'Service', object: { name: 'three', body: '' } },
    ]);
    expect(set.size).toBe(2);
  });

  it('says nothing when an object moves to another file', () => {
    const set = createObjectSet();
    set.update(files({ a: [object('a', 'one')] }));
    expect(set.update(files({ b: [object('b', 'one')] })).events).toEqual([]);
  });

  it('lets the later file win, whatever the order of reading, and says so once', () => {
    const set = createObjectSet();
    const state = { b: [object('b.yaml', 'x', 'b')], a: [object('a.yaml', 'x', 'a')] };
    const { events, problems } = set.update(files(state));
    expect(events).toEqual([{ type: 'upsert', resource: 'Service', object: { name: 'x', body: 'b' } }]);
    expect(problems).toEqual([
      {
        code: 'duplicate-object',
        message: 'a.yaml: Service default/x is defined again in b.yaml, which counts',
      },
    ]);
    expect(set.update(files(state)).problems).toEqual([]);
  });

  it('falls back to the earlier file when the later one lets go', () => {
    const set = createObjectSet();
    set.update(files({ a: [object('a', 'x', 'a')], b: [object('b', 'x', 'b')] }));
    expect(set.update(files({ a: [object('a', 'x', 'a')] })).events).toEqual([
      { type: 'upsert', resource: 'Service', object: { name: 'x', body: 'a' } },
    ]);
  });
});
