import type { ObjectEvent, Source, SourceHandlers } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';

import { guardApiEndpoints, HOLD_MS } from './api-endpoints-guard.ts';
import { createSourceRecorder } from './testing/index.ts';

function upsert(resource: 'Service' | 'EndpointSlice', metadata: object, more: object): ObjectEvent {
  const stamped = { namespace: 'default', resourceVersion: '1', ...metadata };
  return { type: 'upsert', resource, object: { kind: resource, metadata: stamped, ...more } };
}

const service = (
  spec: object = { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'] },
): ObjectEvent => upsert('Service', { name: 'kubernetes' }, { spec });

const slice = (endpoints: readonly object[] | null, name = 'kubernetes', addressType = 'IPv4'): ObjectEvent =>
  upsert(
    'EndpointSlice',
    { name, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    { addressType, endpoints },
  );

const remove = (resource: 'Service' | 'EndpointSlice', name = 'kubernetes'): ObjectEvent => ({
  type: 'delete',
  resource,
  namespace: 'default',
  name,
});

const READY = { addresses: ['192.0.2.1'], conditions: { ready: true } };
const DOWN = { addresses: ['192.0.2.1'], conditions: { ready: false, serving: false, terminating: false } };

function world(...servers: readonly string[]) {
  const recorder = createSourceRecorder();
  const clock = createManualClock();
  const log: string[] = [];
  let inner: SourceHandlers | null = null;
  const source: Source = {
    start: (handlers) => void (inner = handlers),
    stop: () => Promise.resolve(),
  };
  const guarded = guardApiEndpoints(source, { servers, clock, log: (line) => log.push(line) });
  guarded.start(recorder.handlers);
  const send = (...events: readonly ObjectEvent[]): readonly ObjectEvent[] => {
    const from = recorder.events.length;
    inner?.onEvents(events);
    return recorder.events.slice(from);
  };
  return { recorder, clock, log, guarded, send };
}

const VIP = 'https://10.96.0.1:443';

/** Every way in which the Service can lose its last endpoint. */
const LOSSES: [string, () => ObjectEvent][] = [
  ['no endpoints', () => slice([])],
  ['null for endpoints', () => slice(null)],
  ['an endpoint that is not ready', () => slice([DOWN])],
  ['an endpoint without addresses', () => slice([{ addresses: [] }])],
  ['a slice of another Service', () => upsert('EndpointSlice', { name: 'kubernetes', labels: {} }, {})],
  ['the deletion of the slice', () => remove('EndpointSlice')],
  ['the deletion of the Service', () => remove('Service')],
];

describe('an API server that is reached through the Service default/kubernetes', () => {
  it.each(LOSSES)('keeps its last endpoints for a minute after %s', (_, lose) => {
    const { send, clock, recorder, log } = world(VIP);
    send(service(), slice([READY]));
    const loss = lose();
    const other = upsert('Service', { name: 'other' }, {});
    expect(send(loss, other)).toEqual([other]);
    expect(recorder.problems.map(({ code }) => code)).toEqual(['api-endpoints-missing']);
    clock.advance(HOLD_MS - 1);
    expect(recorder.events).not.toContain(loss);
    clock.advance(1);
    expect(recorder.events.at(-1)).toBe(loss);
    expect(log).toHaveLength(1);
    // No deleted object is kept.
    const again = slice([DOWN]);
    expect(send(again)).toEqual([again]);
    expect(clock.pending).toEqual([]);
  });

  it.each(LOSSES)('switches to new endpoints that come within the minute after %s', (_, lose) => {
    const { send, clock, recorder } = world(VIP);
    send(service(), slice([READY]));
    const loss = lose();
    send(loss);
    clock.advance(30_000);
    const back = [service(), slice([{ ...READY, addresses: ['192.0.2.9'] }])];
    expect(send(...back)).toEqual([loss, ...back]);
    expect(clock.pending).toEqual([]);
    clock.advance(10 * HOLD_MS);
    expect(recorder.events.at(-1)).toBe(back[1]);
  });

  it('counts the minute from the first loss, and passes on the newest of each object', () => {
    const { send, clock, recorder } = world(VIP);
    send(service(), slice([READY]));
    send(slice([]));
    clock.advance(HOLD_MS - 1);
    const last = [remove('EndpointSlice'), remove('Service')];
    send(...last);
    expect(recorder.problems).toHaveLength(1);
    const from = recorder.events.length;
    clock.advance(1);
    expect(recorder.events.slice(from)).toEqual(last);
  });

  it('passes on the deletion of one of two slices', () => {
    const { send } = world(VIP);
    send(service(), slice([READY]), slice([READY], 'second'));
    const gone = remove('EndpointSlice', 'second');
    expect(send(gone)).toEqual([gone]);
  });

  it('counts endpoints of the family that it is reached by', () => {
    const { send } = world('https://[fd00::1]:443');
    send(service(), slice([READY]), slice([READY], 'six', 'IPv6'));
    expect(send(slice([], 'six', 'IPv6'))).toEqual([]);
  });

  it.each(['https://kubernetes.default.svc', 'https://kubernetes.default.svc.cluster.local:443'])(
    'is known by the name in %s',
    (server) => {
      const { send } = world('https://192.0.2.7:6443', server);
      send(service(), slice([READY]));
      expect(send(slice([]))).toEqual([]);
    },
  );

  it('holds nothing back before there was an endpoint, or after stop', async () => {
    const { send, guarded, clock } = world(VIP);
    for (const event of [slice([]), service(), slice([DOWN])]) expect(send(event)).toEqual([event]);
    send(slice([READY]));
    send(slice([]));
    await guarded.stop();
    expect(clock.pending).toEqual([]);
  });
});

describe('an API server that is reached at another address', () => {
  it.each(['https://192.0.2.1:6443', 'https://api.example:6443', 'https://kubernetes.example'])(
    'has its endpoints removed at once: %s',
    (server) => {
      const { send, recorder } = world(server);
      send(service(), slice([READY]));
      for (const [, lose] of LOSSES) {
        const loss = lose();
        expect(send(loss)).toEqual([loss]);
      }
      expect(recorder.problems).toEqual([]);
    },
  );
});
