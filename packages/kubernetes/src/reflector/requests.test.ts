import { afterEach, describe, expect, it } from 'vitest';

import type { RequestRecord } from '../testing/index.ts';
import { createStage, isList, isWatch, service } from '../testing/stage.ts';

const stage = createStage();
afterEach(() => stage.close());

describe('createKubernetesSource, requests', () => {
  it('sends the same requests as kube-proxy', async () => {
    const server = await stage.serve();
    const watching = stage.watch([server], { lists: 'listed', userAgent: 'signalbox/9' });
    await watching.synced();
    await server.watches.open(4);
    const lists = server.requests.all.filter(({ query }) => query.get('watch') === null);
    const asked = lists.map(({ path, query }) => [
      path,
      query.get('labelSelector'),
      query.get('fieldSelector'),
    ]);
    expect(asked.sort((a, b) => String(a[0]).localeCompare(String(b[0])))).toEqual([
      ['/api/v1/nodes', null, 'metadata.name=node-a'],
      ['/api/v1/services', '!service.kubernetes.io/service-proxy-name', 'spec.clusterIP!=None'],
      ['/apis/discovery.k8s.io/v1/endpointslices', '!service.kubernetes.io/headless', null],
      ['/apis/networking.k8s.io/v1/servicecidrs', null, null],
    ]);
    expect(lists.every(({ query }) => query.get('resourceVersion') === '0')).toBe(true);
    expect(lists.every(({ headers }) => headers['accept-encoding'] === 'gzip')).toBe(true);
    for (const { query, headers } of server.requests.all.filter(({ query }) => query.get('watch') !== null)) {
      expect(headers['user-agent']).toBe('signalbox/9');
      expect(headers['accept-encoding']).toBe('identity');
      expect(query.get('allowWatchBookmarks')).toBe('true');
      // The manual clock's random() is 0.5.
      expect(query.get('timeoutSeconds')).toBe('450');
    }
  });

  const JSON_ONLY = 'application/json;drop=metadata.managedFields, application/json';
  const PROTOBUF = 'application/vnd.kubernetes.protobuf';
  const PROTOBUF_FIRST = `${PROTOBUF};drop=metadata.managedFields, ${PROTOBUF}, ${JSON_ONLY}`;

  it.each([
    ['auto', undefined, PROTOBUF_FIRST],
    ['listed', undefined, PROTOBUF_FIRST],
    ['auto', PROTOBUF, PROTOBUF_FIRST],
    ['auto', 'application/json', JSON_ONLY],
    ['listed', 'application/json', JSON_ONLY],
    ['listed', 'application/cbor', JSON_ONLY],
  ] as const)(
    'asks for objects without managedFields, in a format that it can read, lists: %s, content type: %s',
    async (lists, contentType, accept) => {
      const server = await stage.serve();
      const watching = stage.watch([server], {
        lists,
        ...(contentType === undefined ? {} : { contentType }),
      });
      await watching.synced();
      await server.watches.open(4);
      const accepted = server.requests.all.map(({ headers }) => headers.accept);
      expect(accepted).toHaveLength(lists === 'auto' ? 4 : 8);
      expect(new Set(accepted)).toEqual(new Set([accept]));
    },
  );

  it.each(['auto', 'listed'] as const)(
    'understands a server that has JSON alone, lists: %s',
    async (lists) => {
      const server = await stage.serve({ formats: 'json' });
      server.put(service('a'));
      const watching = stage.watch([server], { lists });
      await watching.synced();
      server.put(service('b'));
      await watching.recorder.until(() => watching.recorder.objects.size === 2);
      expect(server.requests.all.every(({ headers }) => headers.accept === PROTOBUF_FIRST)).toBe(true);
      expect(watching.recorder.problems).toEqual([]);
    },
  );

  it.each([406, 415])('requests JSON only from the first %d on', async (status) => {
    const server = await stage.serve();
    server.put(service('a'));
    const inProtobuf = ({ headers }: RequestRecord): boolean => (headers.accept ?? '').includes(PROTOBUF);
    server.fault({ action: { do: 'answer', status }, when: inProtobuf });
    const watching = stage.watch([server], { lists: 'listed' });
    await watching.synced();
    await server.watches.open(4);
    expect(watching.recorder.objects.size).toBe(1);
    expect(watching.recorder.problems).toEqual([]);
    expect(server.requests.all.filter(isWatch('')).some(inProtobuf)).toBe(false);
  });

  it.each(['supported', 'uncompressed'] as const)(
    'asks for streamed lists compressed, and reads what comes, streaming: %s',
    async (streaming) => {
      const server = await stage.serve({ streaming });
      for (let i = 0; i < 50; i++) server.put(service(`s${i}`));
      const watching = stage.watch([server]);
      await watching.synced();
      expect(watching.recorder.objects.size).toBe(50);
      const asked = server.requests.all.filter(({ query }) => query.has('sendInitialEvents'));
      expect(asked.map(({ headers }) => headers['accept-encoding'])).toEqual(Array(4).fill('gzip'));
      // Behind the initial events, in members of their own.
      for (const name of ['b', 'c']) {
        server.put(service(name));
        await watching.recorder.until(() => watching.recorder.objects.has(`Service default/${name}`));
      }
      const rewatched = server.requests.next(isWatch('/services'));
      server.watches.end();
      const { query, headers } = await rewatched;
      expect(query.get('resourceVersion')).toBe(String(server.store.version));
      expect(headers['accept-encoding']).toBe('identity');
      expect(watching.recorder.problems).toEqual([]);
    },
  );

  it('advances its position with bookmarks, so that the version of a quiet watch does not expire', async () => {
    const server = await stage.serve();
    const watching = stage.watch([server], { lists: 'listed' });
    await watching.synced();
    await server.watches.open(4);
    server.store.tick();
    server.store.compact();
    server.watches.bookmark();
    const rewatched = server.requests.next(isWatch('/services'));
    server.watches.end();
    expect((await rewatched).query.get('resourceVersion')).toBe(String(server.store.version));
    expect(server.requests.all.filter(isList('/services'))).toHaveLength(1);
  });

  it.each(['refused', 'broken'] as const)(
    'falls back to lists when streams are %s, for all resources',
    async (streaming) => {
      const server = await stage.serve({ streaming });
      server.put(service('a'));
      const watching = stage.watch([server]);
      await watching.synced();
      expect(watching.recorder.objects.size).toBe(1);
      expect(watching.recorder.problems).toEqual([]);
      server.setStreaming('supported');
      server.store.tick();
      server.store.compact();
      const relisted = server.requests.next(isList('/services'));
      server.watches.end();
      await watching.pass(relisted);
    },
  );

  it.each([
    ...[400, 422, 500, 501].map((status) => ({
      how: `is answered with ${status}`,
      action: { do: 'answer', status } as const,
    })),
    { how: 'ends without saying that it is complete', action: { do: 'say', text: '' } },
    {
      how: 'is not marked as complete by a server that ignores the parameter',
      action: { do: 'say', text: '\n', end: 'never' },
    },
  ] as const)('gives a streamed list up that $how', async ({ action }) => {
    const server = await stage.serve();
    server.put(service('a'));
    server.fault({ action, when: ({ query }) => query.has('sendInitialEvents') });
    const watching = stage.watch([server]);
    if ('end' in action) {
      await watching.watched();
      watching.clock.advance(30_000);
    }
    await watching.synced();
    expect(watching.recorder.objects.size).toBe(1);
    expect(watching.recorder.problems).toEqual([]);
    expect(watching.log.some((line) => line.includes('does not stream lists'))).toBe(true);
  });

  it('reads pages, and starts over in one piece when a page token has grown too old', async () => {
    const server = await stage.serve();
    for (let i = 0; i < 1_200; i++) server.put(service(`s${i}`));
    // The first list is refused as expired: the next is of the newest state, which etcd gives in pages.
    const isFirst = isList('/services');
    server.fault({ action: { do: 'answer', status: 410 }, when: isFirst, times: 1 });
    server.fault({
      action: { do: 'answer', status: 410 },
      when: (record) => isFirst(record) && record.query.has('continue'),
      times: 1,
    });
    const watching = stage.watch([server], { lists: 'listed' });
    await watching.pass(watching.synced());
    expect(watching.recorder.objects.size).toBe(1_200);
    const lists = server.requests.all.filter(isFirst).map(({ query }) => query.get('limit'));
    expect(lists).toEqual([null, '500', '500', null]);
  });
});
