/** `--tracing-endpoint`: what a collector gets of the proxy's syncs. */
import { backendError, NOTHING_DONE } from '@signalbox/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SYNCED } from './testing/composition.ts';
import { NODE, SERVICE, start, stopAll, synced, upsert, type World } from './testing/proxy-world.ts';
import { startTraceCollector, type ReceivedSpan, type TraceCollector } from './testing/trace-collector.ts';

const test: { collector: TraceCollector } = { collector: undefined as never };
beforeEach(async () => {
  test.collector = await startTraceCollector();
});
afterEach(async () => {
  await stopAll();
  await test.collector.close();
});

async function started(): Promise<World> {
  const world = await start([`--tracing-endpoint=${test.collector.url}`], ['IPv4']);
  upsert(world, 'Node', NODE);
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
  await world.settle(2000);
  return world;
}

function serviceOn(port: number): object {
  return { ...SERVICE, spec: { ...SERVICE.spec, ports: [{ name: 'http', port, protocol: 'TCP' }] } };
}

interface Trace {
  readonly root: ReceivedSpan;
  readonly parts: readonly ReceivedSpan[];
}

/** Oldest first. */
async function tracesOf({ proxy }: World): Promise<readonly Trace[]> {
  await proxy.flush();
  const { spans } = test.collector;
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  return roots.map((root) => ({
    root,
    parts: spans.filter(({ parentSpanId }) => parentSpanId === root.spanId),
  }));
}

const milliseconds = ({ startTimeUnixNano, endTimeUnixNano }: ReceivedSpan): number =>
  Number((BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1_000_000n);

describe('traces of a change', () => {
  it('last from its arrival to the commit, with the parts of the sync', async () => {
    const world = await started();
    upsert(world, 'Service', SERVICE);
    await world.settle(2000);
    upsert(world, 'Service', serviceOn(8080));
    upsert(world, 'Service', serviceOn(8081));
    await world.settle(2000);
    const { root, parts } = (await tracesOf(world)).at(-1) as Trace;
    expect(test.collector.paths).toEqual(['/v1/traces']);
    expect(root).toMatchObject({
      name: 'Program services',
      resource: { 'service.name': 'signalbox', 'service.version': '0.1.0', 'k8s.node.name': 'node-a' },
      attributes: {
        'signalbox.ip_family': 'IPv4',
        'signalbox.mode': 'iptables',
        'signalbox.reason': 'change',
        'signalbox.scope': 'full',
        'signalbox.outcome': 'ok',
        'signalbox.service_ports': 1,
        'signalbox.endpoints': 0,
        'signalbox.events': 2,
        'signalbox.attempt': 1,
      },
    });
    expect(parts.map(({ name }) => name)).toEqual([
      'Decode objects',
      'Wait for sync',
      'Build desired state',
      'Compile and diff',
    ]);
    expect(parts.map(({ traceId }) => traceId)).toEqual(parts.map(() => root.traceId));
  });

  it('show how long a change waited for minSyncPeriod', async () => {
    const world = await started();
    upsert(world, 'Service', SERVICE);
    await world.settle(0);
    upsert(world, 'Service', serviceOn(8080));
    await world.settle(2000);
    const { root, parts } = (await tracesOf(world)).at(-1) as Trace;
    expect(parts.filter(({ name }) => name === 'Wait for sync').map(milliseconds)).toEqual([1000]);
    expect(milliseconds(root)).toBe(1000);
  });

  it('include the syncs that failed before, and their errors', async () => {
    const world = await started();
    const error = backendError('busy', 'iptables-restore', 'the lock is held');
    world.parts.backends.get('IPv4')?.answers.push({ ...NOTHING_DONE, outcome: 'failed', error }, SYNCED);
    upsert(world, 'Service', SERVICE);
    await world.settle(5000);
    const [failed, retried] = (await tracesOf(world)).slice(-2).map(({ root }) => root);
    expect(failed).toMatchObject({
      attributes: { 'signalbox.outcome': 'failed', 'signalbox.attempt': 1 },
      status: { code: 2, message: expect.stringContaining('the lock is held') },
    });
    expect(retried).toMatchObject({
      startTimeUnixNano: failed?.startTimeUnixNano,
      attributes: { 'signalbox.outcome': 'ok', 'signalbox.attempt': 2, 'signalbox.reason': 'retry' },
    });
  });

  it('are not made of syncs that no change caused', async () => {
    const world = await started();
    const before = world.parts.backends.get('IPv4')?.changes.length ?? 0;
    world.parts.backends.get('IPv4')?.drift('chain KUBE-SERVICES');
    await world.settle(60_000);
    expect(world.parts.backends.get('IPv4')?.changes.length).toBeGreaterThan(before);
    expect((await tracesOf(world)).map(({ root }) => root.attributes['signalbox.reason'])).toEqual([
      'change',
    ]);
  });
});
