import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Resource } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';

import { createStage, isList, isWatch, service } from '../testing/stage.ts';
import { NO_AUTH } from '../config/cluster-config.ts';
import { createKubernetesSource } from '../kubernetes-source.ts';
import { createObjectStore, createSourceRecorder, plainConfig } from '../testing/index.ts';

const stage = createStage();
afterEach(() => stage.close());

describe('createKubernetesSource, troubles', () => {
  const troubles = [
    {
      name: '403',
      action: { do: 'answer', status: 403, message: 'services is forbidden' },
      code: 'forbidden',
    },
    { name: '500', action: { do: 'answer', status: 500 }, code: 'server-error' },
    { name: '503', action: { do: 'answer', status: 503 }, code: 'server-error' },
    { name: 'a page of HTML', action: { do: 'say', text: '<html>' }, code: 'bad-response' },
    {
      name: 'an object that is no list',
      action: { do: 'say', text: '{"kind":"Status"}' },
      code: 'bad-response',
    },
    {
      name: 'a list cut short',
      action: { do: 'say', text: '{"kind":"ServiceList","items":[' },
      code: 'bad-response',
    },
    { name: 'a broken body', action: { do: 'cut' }, code: 'connection-lost' },
    { name: 'a closed connection', action: { do: 'hang-up' }, code: 'connection-lost' },
  ] as const;

  it.each(troubles)(
    'reports $name of a list as $code, backs off and then succeeds',
    async ({ action, code }) => {
      const server = await stage.serve();
      server.put(service('a'));
      server.fault({ action, when: isList('/services'), times: 2 });
      const watching = stage.watch([server], { lists: 'listed' });
      const { recorder, clock } = watching;
      // 0.8 s and 1.6 s, with the jitter that random() = 0.5 gives.
      for (const delayMs of [1_200, 2_400]) {
        await clock.waitForTimer((timer) => timer.delayMs === delayMs);
        clock.advance(delayMs);
      }
      await watching.synced();
      expect(recorder.problems.map((p) => p.code)).toEqual([code]);
      expect(recorder.problems[0]?.message).toContain(`services: ${server.url}: `);
      expect(recorder.objects.has('Service default/a')).toBe(true);
    },
  );

  it('delivers nothing more of a list whose handler stops the source', async () => {
    const server = await stage.serve();
    server.put(service('a'));
    const recorder = createSourceRecorder();
    const source = createKubernetesSource({
      config: plainConfig([server.url]),
      nodeName: 'node-a',
      qps: -1,
      lists: 'listed',
    });
    const stopped = new Promise<void>((resolve) => {
      const onEvents = (): void => {
        resolve(source.stop());
        recorder.handlers.onSynced('Service');
      };
      const onSynced = (resource: Resource): void => {
        if (resource === 'Service') recorder.handlers.onSynced(resource);
      };
      source.start({ ...recorder.handlers, onEvents, onSynced });
    });
    await stopped;
    expect(recorder.synced).toEqual(['Service']);
    // Pending answers are aborted without an uncaught exception.
    await server.until(() => server.connections === 0);
  });

  it('waits as long as a throttling server specifies', async () => {
    const server = await stage.serve();
    server.fault({
      action: { do: 'answer', status: 429, retryAfter: '7' },
      when: isList('/nodes'),
      times: 1,
    });
    const watching = stage.watch([server], { lists: 'listed' });
    await watching.clock.waitForTimer((timer) => timer.delayMs === 7_000);
    watching.clock.advance(7_000);
    await watching.synced();
    expect(watching.recorder.problems.map((p) => p.code)).toEqual(['throttled']);
  });

  it('retries until a token is accepted, and continues with the next one in its file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-kubernetes-'));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'old');
    const server = await stage.serve({ tokens: ['old'] });
    const config = plainConfig([server.url], { auth: { ...NO_AUTH, tokenFile } });
    const watching = stage.watch([server], { lists: 'listed', config });
    await watching.synced();
    const { recorder } = watching;
    await server.watches.open(4);
    server.setTokens(['new']);
    server.watches.end();
    await watching.pass(recorder.until(() => recorder.problems.length === 4));
    expect(new Set(recorder.problems.map((p) => p.code))).toEqual(new Set(['unauthorized']));
    writeFileSync(tokenFile, 'new');
    server.put(service('a'));
    await watching.pass(recorder.until(() => recorder.objects.size === 1));
    rmSync(folder, { recursive: true });
  });

  it('notices a server that has gone silent, and deletes nothing', async () => {
    const server = await stage.serve();
    server.put(service('a'));
    const watching = stage.watch([server], { lists: 'listed' });
    await watching.synced();
    const { recorder, clock } = watching;
    await watching.watched();
    server.stall();
    // The watch was requested for 450 s; half a minute later it is overdue.
    clock.advance(480_000);
    await recorder.until(() => recorder.problems.length === 4);
    expect(new Set(recorder.problems.map((p) => p.code))).toEqual(new Set(['stalled']));
    expect(recorder.objects.size).toBe(1);
    await server.stop();
    server.put(service('b'));
    await server.start();
    await watching.pass(recorder.until(() => recorder.objects.size === 2));
  });

  it('switches to the next server when one is unreachable, silent or shutting down', async () => {
    const store = createObjectStore();
    const servers = [
      await stage.serve({ store }),
      await stage.serve({ store }),
      await stage.serve({ store }),
    ] as const;
    servers[0].fault({ action: { do: 'answer', status: 503 } });
    await servers[1].stop();
    const watching = stage.watch(servers, { lists: 'listed' });
    await watching.synced();
    const { recorder } = watching;
    await servers[2].watches.open(4);
    expect(recorder.problems).toEqual([]);
    await servers[1].start();
    await servers[2].stop();
    servers[1].put(service('a'));
    await recorder.until(() => recorder.objects.size === 1);
    expect(servers[1].requests.all.some(isWatch('/services'))).toBe(true);
  });

  it('lists again when the cluster was restored from a backup and the stored version is newer than that of the server', async () => {
    const server = await stage.serve();
    for (let i = 0; i < 20; i++) server.put(service(`s${i}`));
    const watching = stage.watch([server], { lists: 'listed' });
    await watching.synced();
    await server.watches.open(4);
    const tooLarge = {
      do: 'answer',
      status: 504,
      message: 'Too large resource version: 21, current: 3',
    } as const;
    const lift = server.fault({ action: tooLarge, when: isWatch('/services') });
    const relisted = server.requests.next(isList('/services'));
    server.watches.end();
    await watching.pass(relisted);
    lift();
  });
});
