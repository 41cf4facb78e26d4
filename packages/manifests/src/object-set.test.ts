import { describe, expect, it } from 'vitest';

import { createObjectSet } from './object-set.ts';
import type { ManifestObject } from './manifest-object.ts';

function object(where: string, name: string, body = ''): ManifestObject {
  return {
    resource: 'Service',
    namespace: 'default',
    name,
    object: { name, body },
    text: name + body,
    where,
    served: true,
  };
}

const files = (entries: Record<string, ManifestObject[]>): Map<string, ManifestObject[]> =>
  new Map(Object.entries(entries));

describe('createObjectSet', () => {
  it('delivers only what changed', () => {
    const set = createObjectSet();
    set.update(files({ a: [object('a', 'one'), object('a', 'two')] }));
    const { events } = set.update(files({ a: [object('a', 'two', '!')], b: [object('b', 'three')] }));
    expect(events).toEqual([
      { type: 'delete', resource: 'Service', namespace: 'default', name: 'one' },
      { type: 'upsert', resource: 'Service', object: { name: 'two', body: '!' }, origin: 'a' },
      { type: 'upsert', resource: 'Service', object: { name: 'three', body: '' }, origin: 'b' },
    ]);
    expect(set.size).toBe(2);
  });

  it('delivers no event when an object moves to another file', () => {
    const set = createObjectSet();
    set.update(files({ a: [object('a', 'one')] }));
    expect(set.update(files({ b: [object('b', 'one')] })).events).toEqual([]);
  });

  it('uses the object of the later file, whatever the order of reading, and reports that once', () => {
    const set = createObjectSet();
    const state = { b: [object('b.yaml', 'x', 'b')], a: [object('a.yaml', 'x', 'a')] };
    const { events, problems } = set.update(files(state));
    expect(events).toEqual([
      { type: 'upsert', resource: 'Service', object: { name: 'x', body: 'b' }, origin: 'b.yaml' },
    ]);
    expect(problems).toEqual([
      {
        code: 'duplicate-object',
        message: 'a.yaml: Service default/x is defined again in b.yaml, which counts',
      },
    ]);
    expect(set.update(files(state)).problems).toEqual([]);
  });

  it('reports a slice without its Service once, and again when the Service was removed', () => {
    const set = createObjectSet();
    const metadata = { labels: { 'kubernetes.io/service-name': 'web' } };
    const slice: ManifestObject = {
      ...object('s.yaml: document 1 (line 1)', 'web-1'),
      resource: 'EndpointSlice',
      object: { metadata },
    };
    const message =
      's.yaml: document 1 (line 1): EndpointSlice default/web-1: no manifest defines Service default/web';
    const alone = files({ s: [slice] });
    expect(set.update(alone).problems).toEqual([{ code: 'no-effect', message }]);
    expect(set.update(alone).problems).toEqual([]);
    expect(set.update(files({ s: [slice], w: [object('w', 'web')] })).problems).toEqual([]);
    expect(set.update(alone).problems).toEqual([{ code: 'no-effect', message }]);
    expect(
      set.update(files({ s: [{ ...slice, namespace: 'a' }], w: [object('w', 'web')] })).problems,
    ).toHaveLength(1);
  });

  it('delivers no object that is not served, but counts it as existing', () => {
    const set = createObjectSet();
    const labels = { 'kubernetes.io/service-name': 'web' };
    const slice: ManifestObject = {
      ...object('s', 'web-1'),
      resource: 'EndpointSlice',
      object: { metadata: { labels } },
    };
    const { events, problems } = set.update(files({ a: [{ ...object('a', 'web'), served: false }, slice] }));
    expect(events.map((event) => event.resource)).toEqual(['EndpointSlice']);
    expect(problems).toEqual([]);
    expect(set.size).toBe(1);
    expect(set.update(files({ a: [object('a', 'web'), slice] })).events.map((event) => event.type)).toEqual([
      'upsert',
    ]);
    expect(set.update(files({ a: [{ ...object('a', 'web'), served: false }, slice] })).events).toEqual([
      { type: 'delete', resource: 'Service', namespace: 'default', name: 'web' },
    ]);
  });

  it('falls back to the earlier file when the later one no longer has the object', () => {
    const set = createObjectSet();
    set.update(files({ a: [object('a', 'x', 'a')], b: [object('b', 'x', 'b')] }));
    expect(set.update(files({ a: [object('a', 'x', 'a')] })).events).toEqual([
      { type: 'upsert', resource: 'Service', object: { name: 'x', body: 'a' }, origin: 'a' },
    ]);
  });
});
