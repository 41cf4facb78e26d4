import { createModel, type ObjectEvent } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import type { ProxyEvent } from '../compose/composition.ts';
import type { Logger } from '../logging/logger.ts';
import { settingsOf } from '../testing/settings.ts';
import { createConflictReporter, SETTLE_MS } from './conflict-reporter.ts';
import { modelConfig } from './model-config.ts';

const of = { resource: 'Service', namespace: 'shop' } as const;

function put(name: string, clusterIP: string): ObjectEvent {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  const spec = { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], ports };
  return { type: 'upsert', resource: 'Service', object: { metadata: { name, namespace: 'shop' }, spec } };
}

function start() {
  const clock = createManualClock();
  const model = createModel(modelConfig(settingsOf([])));
  const lines: string[] = [];
  const events: ProxyEvent[] = [];
  const logger = {
    warning: (message) => void lines.push(message),
    info: (message, values) => void lines.push(`${message} ${JSON.stringify(values)}`),
  } satisfies Partial<Logger> as unknown as Logger;
  const record = (event: ProxyEvent): void => void events.push(event);
  const reporter = createConflictReporter({ model, clock, logger, events: { record } });
  const apply = (event: ObjectEvent): void => {
    model.apply(event);
    reporter.changed();
  };
  return {
    clock,
    lines,
    events,
    reporter,
    put: (name: string, clusterIP = '10.96.0.10') => apply(put(name, clusterIP)),
    remove: (name: string) => apply({ type: 'delete', ...of, name }),
  };
}

const CONFLICT =
  'Service shop/b.spec.clusterIP: invalid value 10.96.0.10:80/TCP: ' +
  'already used by Service shop/a, which is older or first by name';
const RESOLVED =
  'Address conflict resolved {"service":"shop/b","field":"spec.clusterIP","address":"10.96.0.10:80/TCP"}';

describe('createConflictReporter', () => {
  it('logs a conflict that lasts once, and its end', () => {
    const { clock, lines, put, remove: end } = start();
    put('a');
    put('b');
    clock.advance(SETTLE_MS - 1);
    expect(lines).toEqual([]);
    clock.advance(1);
    expect(lines).toEqual([CONFLICT]);
    put('c', '10.96.0.11');
    clock.advance(10 * SETTLE_MS);
    expect(lines).toEqual([CONFLICT]);
    end('a');
    expect(lines).toEqual([CONFLICT, RESOLVED]);
    expect(clock.pending).toEqual([]);
  });

  it('F137: records an Event on the Service that lost, which names the address and the other Service', () => {
    const { clock, events, put, remove: end } = start();
    put('a');
    put('b');
    clock.advance(SETTLE_MS - 1);
    expect(events).toEqual([]);
    clock.advance(10 * SETTLE_MS);
    const event = {
      type: 'Warning',
      reason: 'AddressConflict',
      action: 'SyncProxyRules',
      note: 'spec.clusterIP 10.96.0.10:80/TCP: already used by Service shop/a, which is older or first by name',
      service: { namespace: 'shop', name: 'b' },
    };
    expect(events).toEqual([event]);
    end('a');
    put('a');
    clock.advance(SETTLE_MS);
    expect(events, 'of a conflict that came back').toEqual([event, event]);
  });

  it('logs nothing of a Service that a new list still holds back for a moment', () => {
    const { clock, lines, events, put, remove: end } = start();
    put('a');
    clock.advance(60_000);
    // The list has b, which took the address of a; that a is gone is known at its end.
    put('b');
    clock.advance(300);
    end('a');
    clock.advance(60_000);
    expect([lines, events]).toEqual([[], []]);
  });

  it('gives a conflict that comes while another waits its own time', () => {
    const { clock, lines, put, remove: end } = start();
    put('a');
    put('b');
    clock.advance(SETTLE_MS - 1);
    put('c');
    clock.advance(1);
    expect(lines).toEqual([CONFLICT]);
    end('c');
    clock.advance(10 * SETTLE_MS);
    expect(lines).toEqual([CONFLICT]);
  });

  it('logs a conflict that ended and came back again', () => {
    const { clock, lines, put, remove: end } = start();
    for (let turn = 0; turn < 2; turn++) {
      put('a');
      put('b');
      clock.advance(SETTLE_MS);
      end('a');
    }
    expect(lines).toEqual([CONFLICT, RESOLVED, CONFLICT, RESOLVED]);
  });

  it('logs nothing after stop', () => {
    const { clock, lines, put, reporter } = start();
    put('a');
    put('b');
    reporter.stop();
    expect(clock.pending).toEqual([]);
    expect(lines).toEqual([]);
  });
});
