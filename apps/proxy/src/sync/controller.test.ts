import type { Family, NodeView, ObjectEvent } from '@signalbox/core';
import { createModel } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { scriptedSource } from '../testing/composition.ts';
import { dnsService, dnsSlice } from '../testing/dns-service.ts';
import { settingsOf } from '../testing/settings.ts';
import { createController } from './controller.ts';
import { modelConfig } from './model-config.ts';

function world() {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const model = createModel(modelConfig(settingsOf([])));
  const source = scriptedSource();
  const requests: (readonly [Family, string])[] = [];
  const nodes: NodeView[] = [];
  createController({
    model,
    source,
    families: ['IPv4', 'IPv6'],
    clock: createManualClock(),
    logger,
    events: { record: () => undefined },
    request: (...request) => requests.push(request),
    onSynced: () => undefined,
    onNode: (view) => nodes.push(view),
    onEvents: () => undefined,
  }).start();
  const take = (...events: readonly ObjectEvent[]): void => source.handlers.onEvents(events);
  return { model, lines, requests, nodes, take };
}

const NAMELESS = { type: 'upsert', resource: 'Service', object: { metadata: {} } } as const;

describe('events of the source', () => {
  it('are synced in the families that they concern, and in no other', () => {
    const { model, requests, take } = world();
    take(dnsService());
    for (const family of ['IPv4', 'IPv6'] as const) model.build(family);
    requests.length = 0;
    take(dnsSlice('10.244.1.5'));
    expect(requests).toEqual([['IPv4', 'change']]);
  });

  it('are synced in all families before their first sync', () => {
    const { requests, take } = world();
    take(dnsService());
    expect(requests).toEqual([
      ['IPv4', 'change'],
      ['IPv6', 'change'],
    ]);
  });

  it('that cannot be used are logged, with their file where they come from one', () => {
    const { lines, take } = world();
    take(NAMELESS, { ...NAMELESS, origin: 'shop.yaml:3' });
    expect(lines).toHaveLength(2);
    expect(lines[0]).not.toContain('origin');
    expect(lines[1]).toContain(' origin="shop.yaml:3"');
  });

  it('that no code was written for are logged, and the others take effect', () => {
    const { model, lines, take } = world();
    const broken = new Proxy({}, { get: () => assertNever() });
    take({ type: 'upsert', resource: 'Service', object: broken }, dnsService());
    const [line] = lines;
    expect(line).toMatch(/^E.*"Failed to apply an event of the source"/);
    expect(line).toContain('resource="Service"');
    expect(model.build('IPv4').state.servicePorts.size).toBe(1);
  });

  it('of a Node are passed on', () => {
    const { nodes, take } = world();
    take(dnsService());
    expect(nodes).toEqual([]);
    take({ type: 'delete', resource: 'Node', namespace: '', name: 'node-a' });
    expect(nodes).toHaveLength(1);
  });
});

function assertNever(): never {
  throw new Error('unforeseen');
}
