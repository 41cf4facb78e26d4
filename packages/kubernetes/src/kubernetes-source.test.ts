import { RESOURCES, type SourceProblem } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';

import { createKubernetesSource } from './kubernetes-source.ts';
import { createSourceRecorder, plainConfig } from './testing/index.ts';
import { createStage, isList, isWatch, service } from './testing/stage.ts';
import type { WireObject } from './wire.ts';

const slice = (name: string, labels: Record<string, string> = {}): WireObject => ({
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'default', labels },
});
const node = (name: string): WireObject => ({ kind: 'Node', metadata: { name } });

const stage = createStage();
afterEach(() => stage.close());

/** Both ways to read the complete set must give the same result. */
const WAYS = [{ lists: 'auto' }, { lists: 'listed' }] as const;

describe.each(WAYS)('createKubernetesSource, lists: $lists', (way) => {
  it('delivers what the selectors of a proxy let through, then follows', async () => {
    const server = await stage.serve();
    server.put(service('web'));
    server.put(service('other', { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }));
    server.put({ ...service('headless'), spec: { clusterIP: 'None' } } as WireObject);
    server.put(slice('web-1'));
    server.put(slice('headless-1', { 'service.kubernetes.io/headless': '' }));
    server.put(node('node-a'));
    server.put(node('node-b'));
    server.put({ kind: 'ServiceCIDR', metadata: { name: 'kubernetes' } });
    const watching = stage.watch([server], way);
    await watching.synced();
    const { recorder } = watching;
    expect([...recorder.objects.keys()].sort()).toEqual([
      'EndpointSlice default/web-1',
      'Node /node-a',
      'Service default/web',
      'ServiceCIDR /kubernetes',
    ]);
    expect([...recorder.synced].sort()).toEqual(['EndpointSlice', 'Node', 'Service', 'ServiceCIDR']);
    await server.watches.open(4);
    server.put(service('db'));
    server.put(service('web', { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }));
    server.delete('EndpointSlice', 'default', 'web-1');
    await recorder.until(() => recorder.events.length === 7);
    expect([...recorder.objects.keys()].sort()).toEqual([
      'Node /node-a',
      'Service default/db',
      'ServiceCIDR /kubernetes',
    ]);
    expect(recorder.problems).toEqual([]);
  });

  it('reconnects at once where it left off when a connection breaks in the middle of an event', async () => {
    const server = await stage.serve();
    const watching = stage.watch([server], way);
    await watching.synced();
    const { recorder } = watching;
    server.put(service('a'));
    await recorder.until(() => recorder.objects.size === 1);
    const rewatched = server.requests.next(isWatch('/services'));
    server.watches.cut();
    const { query } = await rewatched;
    expect(query.get('resourceVersion')).toBe('2');
    server.put(service('b'));
    await recorder.until(() => recorder.objects.size === 2);
    expect(recorder.events).toHaveLength(2);
    expect(recorder.problems).toEqual([]);
  });

  it('keeps everything while the server is unreachable, reports that once for each resource, and catches up', async () => {
    const server = await stage.serve();
    server.put(service('kept'));
    server.put(service('gone'));
    const watching = stage.watch([server], way);
    await watching.synced();
    const { recorder, log } = watching;
    await server.stop();
    await watching.pass(recorder.until(() => recorder.problems.length === 4));
    expect(new Set(recorder.problems.map((p) => p.code))).toEqual(new Set(['connection-lost']));
    expect(recorder.problems.find((p) => p.message.startsWith('services: '))?.message).toMatch(
      /^services: http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.*; the objects received before stay in use; retrying$/,
    );
    expect(recorder.objects.size).toBe(2);
    const errors = watching.source.connections().map(({ resource, error }) => [resource, error !== null]);
    expect(errors).toEqual(RESOURCES.map((resource) => [resource, true]));
    // While no watch is possible, an object is deleted, and the history with it.
    server.delete('Service', 'default', 'gone');
    server.store.compact();
    await server.start();
    await watching.pass(recorder.until(() => !recorder.objects.has('Service default/gone')));
    expect(watching.source.connections()[0]).toMatchObject({
      resource: 'Service',
      error: null,
      lastContact: expect.any(Number),
    });
    expect([...recorder.objects.keys()]).toEqual(['Service default/kept']);
    expect(recorder.events.filter((event) => event.type === 'upsert')).toHaveLength(2);
    expect(log.filter((line) => line.startsWith('services: ')).at(-1)).toBe(
      `services: ${server.url} responds again`,
    );
  });

  it('lists anew when its version is too old, from the newest state, and deletes objects whose deletion was missed', async () => {
    const server = await stage.serve();
    server.put(service('a'));
    server.put(service('b'));
    const watching = stage.watch([server], way);
    await watching.synced();
    const { recorder } = watching;
    await server.watches.open(4);
    await server.stop();
    server.delete('Service', 'default', 'a');
    server.put(service('c'));
    server.store.compact();
    await server.start();
    await watching.pass(
      recorder.until(() => recorder.objects.size === 2 && !recorder.objects.has('Service default/a')),
    );
    const lists = server.requests.all.filter(isList('/services'));
    if (way.lists === 'listed') {
      expect(lists.map(({ query }) => query.get('resourceVersion'))).toEqual(['0', null]);
      expect(lists.map(({ query }) => query.get('limit'))).toEqual([null, '500']);
    } else {
      expect(lists).toEqual([]);
    }
    expect(recorder.synced).toHaveLength(4);
  });

  it('treats a missing ServiceCIDR resource as an empty set, and requests it again after five minutes', async () => {
    const server = await stage.serve({ absent: ['ServiceCIDR'] });
    const watching = stage.watch([server], way);
    await watching.synced();
    expect(watching.recorder.problems).toEqual([]);
    await watching.clock.waitForTimer(({ delayMs }) => delayMs === 300_000);
    const again = server.requests.next(({ path }) => path.endsWith('/servicecidrs'));
    watching.clock.advance(300_000);
    await again;
  });

  it('emits nothing after stop', async () => {
    const server = await stage.serve();
    const watching = stage.watch([server], way);
    await watching.synced();
    await watching.source.stop();
    server.put(service('late'));
    const { recorder, clock } = watching;
    await server.until(() => server.connections === 0);
    expect(recorder.events).toEqual([]);
    expect(clock.pending).toEqual([]);
  });

  it('is not stopped by handlers that throw', async () => {
    const server = await stage.serve();
    const recorder = createSourceRecorder();
    const source = createKubernetesSource({
      config: plainConfig([server.url]),
      nodeName: 'n',
      qps: -1,
      ...way,
    });
    const fail = (): never => {
      throw new Error('not my day');
    };
    const onProblem = (problem: SourceProblem): void => {
      recorder.handlers.onProblem(problem);
      fail();
    };
    source.start({ ...recorder.handlers, onEvents: fail, onProblem });
    await recorder.until(() => recorder.synced.length === 4);
    server.put(service('a'));
    await recorder.until(() => recorder.problems.length === 1);
    expect(recorder.problems[0]).toEqual({ code: 'handler-failed', message: 'Service: Error: not my day' });
    server.put(service('b'));
    await recorder.until(() => recorder.problems.length === 2);
    await source.stop();
  });
});
