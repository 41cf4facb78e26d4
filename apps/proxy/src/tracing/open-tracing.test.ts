import { NOTHING_DONE } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { CONNECTION } from '../testing/connection-record.ts';
import { startTraceCollector, type ReceivedSpan, type TraceCollector } from '../testing/trace-collector.ts';
import { openTracing, type Tracing } from './open-tracing.ts';

const COUNTS = { servicePorts: 1, endpoints: 2, noLocalEndpointsInternal: 0, noLocalEndpointsExternal: 0 };
const RESULT = { ...NOTHING_DONE, scope: 'partial' } as const;
/** A root and its parts. */
const SPANS_OF_A_TRACE = 5;

const test: { collector: TraceCollector } = { collector: undefined as never };
beforeEach(async () => {
  test.collector = await startTraceCollector();
});
afterEach(() => test.collector.close());

async function open(samplingRatePerMillion = 1_000_000, connectionsPerMillion = 1_000_000) {
  const clock = createManualClock();
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const tracing = await openTracing({
    settings: { url: `${test.collector.url}/v1/traces`, samplingRatePerMillion, connectionsPerMillion },
    nodeName: 'node-a',
    clock,
    now: () => clock.now(),
    logger: createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink).logger,
  });
  if (tracing === null) throw new Error(lines.join('\n'));
  return { tracing, clock, lines: (part: string) => lines.filter((line) => line.includes(part)) };
}

/** Syncs of one family, each for one change. */
function record(tracing: Tracing, syncs: number): void {
  const { IPv4 } = tracing.families;
  for (let sync = 0; sync < syncs; sync++) {
    tracing.arrived();
    tracing.changed('IPv4', 1);
    IPv4.syncStarts();
    IPv4.built();
    IPv4.programmed();
    IPv4.syncEnds('iptables', { reason: 'change', result: RESULT, state: { counts: COUNTS } });
  }
}

const until = (holds: () => void): Promise<void> => vi.waitFor(holds, { timeout: 60_000, interval: 10 });

describe('a collector of traces', () => {
  it('receives the configured share of the traces, each complete', async () => {
    const { tracing } = await open(100_000);
    for (let round = 0; round < 5; round++) record(tracing, 400);
    await tracing.close();
    const traces = new Map<string, ReceivedSpan[]>();
    for (const span of test.collector.spans)
      traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), span]);
    // 2000 traces: the limits are eight standard deviations away.
    expect(traces.size).toBeGreaterThan(90);
    expect(traces.size).toBeLessThan(310);
    for (const spans of traces.values()) expect(spans).toHaveLength(SPANS_OF_A_TRACE);
  });

  it('receives nothing at a rate of 0', async () => {
    const { tracing } = await open(0);
    record(tracing, 1000);
    await tracing.close();
    expect(test.collector.paths).toEqual([]);
  });

  it('is reported once while it refuses, and once when it accepts again', async () => {
    const { collector } = test;
    const { tracing, lines } = await open();
    collector.behaviour = 'refuse';
    for (let batch = 1; batch <= 3; batch++) {
      record(tracing, 200);
      await until(() => expect(collector.paths.length).toBeGreaterThanOrEqual(batch));
    }
    await until(() => expect(lines('Failed to export traces')).toHaveLength(1));
    collector.behaviour = 'accept';
    record(tracing, 200);
    await tracing.close();
    expect(lines('Failed to export traces')).toHaveLength(1);
    expect(lines('Failed to export traces')[0]).toContain(`${collector.url}/v1/traces`);
    expect(lines('The collector accepts traces again')).toHaveLength(1);
  });

  it('uses no more memory than a full queue while it does not answer', async () => {
    const { collector } = test;
    const { tracing } = await open();
    collector.behaviour = 'silent';
    record(tracing, 200);
    await until(() => expect(collector.paths).toHaveLength(1));
    record(tracing, 2000);
    collector.release();
    await tracing.close();
    const received = new Set(collector.spans.map(({ spanId }) => spanId)).size;
    expect(received).toBeGreaterThan(500);
    // The queue, and the batch that was being sent.
    expect(received).toBeLessThanOrEqual(2048 + 512);
  });

  it('delays the end by two seconds if it does not answer', async () => {
    const { tracing, clock } = await open();
    test.collector.behaviour = 'silent';
    record(tracing, 1);
    let isClosed = false;
    const closed = tracing.close().then(() => (isClosed = true));
    await until(() => expect(test.collector.paths).toHaveLength(1));
    clock.advance(1999);
    await Promise.resolve();
    expect(isClosed).toBe(false);
    clock.advance(1);
    await closed;
  });
});

describe('the span of a connection', () => {
  it('has service, endpoint, bytes, duration and cause, and each attempt as an event', async () => {
    const { tracing } = await open();
    tracing.onConnectionEnd?.(CONNECTION);
    tracing.onConnectionEnd?.({ ...CONNECTION, endpoint: null, cause: 'no-endpoint-answered' });
    await tracing.close();
    const [served, unserved] = test.collector.spans;
    expect(served).toMatchObject({
      name: 'Forward connection',
      startTimeUnixNano: '1700000000000000000',
      endTimeUnixNano: '1700000001000000000',
      attributes: {
        'signalbox.service_port': 'shop/web:http',
        'client.address': '10.244.1.9',
        'server.address': '10.96.0.10',
        'signalbox.endpoint': '10.244.1.5:8080',
        'signalbox.bytes_in': 5,
        'signalbox.bytes_out': 9,
        'signalbox.cause': 'closed',
      },
      events: [
        ['Connect to endpoint', { 'signalbox.endpoint': '10.244.1.4:8080', 'signalbox.outcome': 'timeout' }],
        [
          'Connect to endpoint',
          { 'signalbox.endpoint': '10.244.1.5:8080', 'signalbox.outcome': 'connected' },
        ],
      ],
    });
    expect(served?.status?.code ?? 0).toBe(0);
    expect(unserved).toMatchObject({ status: { code: 2, message: 'no-endpoint-answered' } });
    expect(unserved?.attributes).not.toHaveProperty('signalbox.endpoint');
  });

  it('is sent for the configured share of the connections', async () => {
    const { tracing } = await open(1_000_000, 100_000);
    for (let at = 0; at < 2000; at++) tracing.onConnectionEnd?.(CONNECTION);
    await tracing.close();
    // The limits are eight standard deviations away.
    expect(test.collector.spans.length).toBeGreaterThan(90);
    expect(test.collector.spans.length).toBeLessThan(310);
  });

  it('is not requested at a rate of 0', async () => {
    const { tracing } = await open(1_000_000, 0);
    expect(tracing.onConnectionEnd).toBeNull();
    await tracing.close();
  });
});
