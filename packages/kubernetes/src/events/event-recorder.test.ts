import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';

import { createApiClient } from '../http/api-client.ts';
import { createTestApiServer, plainConfig, type TestApiServer } from '../testing/index.ts';
import type { ClusterEvent } from './cluster-event.ts';
import { createEventRecorder, type EventRecorder } from './event-recorder.ts';

const starting: ClusterEvent = {
  type: 'Normal',
  reason: 'Starting',
  action: 'StartKubeProxy',
  note: '',
  regarding: { apiVersion: 'v1', kind: 'Node', name: 'node-a' },
};
const posts = ({ method }: { readonly method: string }): boolean => method === 'POST';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function setUp(log: string[] = []) {
  const server: TestApiServer = await createTestApiServer();
  const clock = createManualClock(Date.UTC(2026, 10, 21, 8, 0, 0, 7));
  const config = plainConfig([server.url]);
  const recorder: EventRecorder = createEventRecorder({
    config,
    // Time that a test advances must not end requests by their time limit.
    client: createApiClient({ config, clock, qps: -1, answerWithinMs: 10 ** 9 }),
    reportingInstance: 'node-a',
    log: (line) => log.push(line),
  });
  undo.push(server.stop, () => recorder.stop());
  return { server, clock, recorder };
}

describe('createEventRecorder', () => {
  it('posts what kube-proxy would: about the node, in namespace default, reported by kube-proxy', async () => {
    const { server, recorder } = await setUp();
    const posted = server.requests.next(posts);
    recorder.record(starting);
    expect((await posted).path).toBe('/apis/events.k8s.io/v1/namespaces/default/events');
    await server.until(() => server.events.length === 1);
    expect(server.events[0]).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^node-a\.[0-9a-f]{16}$/) as string, namespace: 'default' },
      eventTime: '2026-11-21T08:00:00.007500Z',
      reportingController: 'kube-proxy',
      reportingInstance: 'node-a',
      type: 'Normal',
      reason: 'Starting',
      action: 'StartKubeProxy',
      note: '',
      regarding: { apiVersion: 'v1', kind: 'Node', name: 'node-a' },
    });
  });

  it('puts an event about a service into its namespace, and cuts a note that is too long', async () => {
    const { server, recorder } = await setUp();
    const regarding = { apiVersion: 'v1', kind: 'Service', name: 'web', namespace: 'shop' };
    recorder.record({ ...starting, regarding, note: 'é'.repeat(600) });
    await server.until(() => server.events.length === 1);
    expect(server.events[0]?.metadata?.namespace).toBe('shop');
    expect(server.events[0]?.note).toBe('é'.repeat(512));
  });

  it('does not repeat an event within six minutes', async () => {
    const { server, clock, recorder } = await setUp();
    recorder.record(starting);
    recorder.record(starting);
    await server.until(() => server.events.length === 1);
    clock.advance(359_999);
    recorder.record(starting);
    recorder.record({ ...starting, note: 'other' });
    await server.until(() => server.events.length === 2);
    clock.advance(1);
    recorder.record(starting);
    await server.until(() => server.events.length === 3);
  });

  it('retries while the server fails, in order', async () => {
    const { server, clock, recorder } = await setUp();
    server.fault({ action: { do: 'answer', status: 500 }, when: posts, times: 2 });
    recorder.record({ ...starting, note: 'first' });
    recorder.record({ ...starting, note: 'second' });
    for (const delayMs of [1_200, 2_400]) {
      await clock.waitForTimer((timer) => timer.delayMs === delayMs);
      clock.advance(delayMs);
    }
    await server.until(() => server.events.length === 2);
    expect(server.events.map((event) => event.note)).toEqual(['first', 'second']);
  });

  it('treats a conflict after a lost answer as delivered', async () => {
    const log: string[] = [];
    const { server, clock, recorder } = await setUp(log);
    server.fault({ action: { do: 'hang-up' }, when: posts, times: 1 });
    server.fault({ action: { do: 'answer', status: 409 }, when: posts, times: 1 });
    recorder.record({ ...starting, note: 'first' });
    recorder.record({ ...starting, note: 'second' });
    await clock.waitForTimer(({ delayMs }) => delayMs === 1_200);
    clock.advance(1_200);
    await server.until(() => server.events.length === 1);
    expect(server.events.map((event) => event.note)).toEqual(['second']);
    expect(log).toEqual([]);
  });

  it('drops an event that is rejected, and logs it', async () => {
    const log: string[] = [];
    const { server, recorder } = await setUp(log);
    server.fault({ action: { do: 'answer', status: 403, message: 'no' }, when: posts, times: 1 });
    recorder.record(starting);
    recorder.record({ ...starting, note: 'next' });
    await server.until(() => server.events.length === 1);
    expect(log).toEqual([`event Starting: ${server.url}: 403 no; dropped`]);
  });

  it('goes on after an exception of the client', async () => {
    const server: TestApiServer = await createTestApiServer();
    const client = createApiClient({ config: plainConfig([server.url]), qps: -1 });
    let faults = 1;
    const open: typeof client.open = (request) =>
      faults-- > 0 ? Promise.reject(new Error('unforeseen')) : client.open(request);
    const log: string[] = [];
    const recorder = createEventRecorder({
      config: plainConfig([server.url]),
      client: { ...client, open },
      reportingInstance: 'node-a',
      log: (line) => log.push(line),
    });
    undo.push(server.stop, () => recorder.stop());
    recorder.record(starting);
    recorder.record({ ...starting, note: 'next' });
    await server.until(() => server.events.length === 1);
    expect(log).toEqual(['event Starting: unforeseen; dropped']);
  });

  it('keeps the newest hundred while the server is unreachable, and drops them at stop', async () => {
    const { server, clock, recorder } = await setUp();
    await server.stop();
    for (let i = 0; i < 150; i++) recorder.record({ ...starting, note: String(i) });
    await clock.waitForTimer(({ delayMs }) => delayMs === 1_200);
    await server.start();
    clock.advance(1_200);
    await server.until(() => server.events.length === 101);
    expect(server.events.slice(0, 2).map((event) => event.note)).toEqual(['0', '50']);
    await server.stop();
    recorder.record({ ...starting, note: 'too late' });
    await recorder.stop();
    expect(clock.pending).toEqual([]);
  });
});
