/**
 * Random changes of objects, mixed with failures of servers and connections. After the last
 * change the objects according to the events are those of the server, with equal versions.
 */
import type { Resource } from '@signalbox/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { TestApiServer } from '../testing/index.ts';
import { parseSelectors } from '../testing/selectors.ts';
import { createStage, type Watching } from '../testing/stage.ts';
import type { WireObject } from '../wire.ts';
import { pathWith, watchedResources } from './resources.ts';

type Change =
  | { readonly do: 'put'; readonly resource: Resource; readonly name: number; readonly otherProxy: boolean }
  | { readonly do: 'delete'; readonly resource: Resource; readonly name: number };

type Step =
  | Change
  /** Changes that no watch reports; after a compaction, neither does the history. */
  | { readonly do: 'behind'; readonly changes: readonly Change[]; readonly compact: boolean }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'fault'; readonly status: number; readonly times: number }
  | { readonly do: 'trouble'; readonly what: Trouble };

const TROUBLES = [
  ...(['cut', 'end', 'break', 'bookmark', 'compact', 'restart', 'outage', 'stall'] as const),
  ...(['cut-list', 'hang-up', 'nonsense', 'no-streams', 'streams'] as const),
] as const;
type Trouble = (typeof TROUBLES)[number];

const resource = fc.constantFrom<Resource>('Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
const name = fc.nat(4);
const put = fc.record({ do: fc.constant('put' as const), resource, name, otherProxy: fc.boolean() });
const remove = fc.record({ do: fc.constant('delete' as const), resource, name });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('behind' as const),
      changes: fc.array(fc.oneof(put, remove, remove), { maxLength: 6 }),
      compact: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: put,
  },
  { weight: 3, arbitrary: remove },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      status: fc.constantFrom(400, 401, 403, 404, 410, 429, 500, 503),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('trouble' as const), what: fc.constantFrom(...TROUBLES) }),
  },
);

const OTHER_PROXY = {
  'service.kubernetes.io/service-proxy-name': 'other',
  'service.kubernetes.io/headless': '',
};

function objectOf({ resource: kind, name: n, otherProxy }: Change & { readonly do: 'put' }): WireObject {
  const scope = kind === 'Service' || kind === 'EndpointSlice' ? { namespace: 'default' } : {};
  const labels = otherProxy ? OTHER_PROXY : {};
  return { kind, metadata: { ...scope, name: nameOf(kind, n), labels } };
}

/** One of the nodes is this one. */
function nameOf(kind: Resource, n: number): string {
  return kind === 'Node' && n === 0 ? 'node-a' : `${kind.toLowerCase()}-${n}`;
}

/** Lets pending sockets and promises finish, since an answer may still be in transit. */
async function breathe(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function trouble(what: Trouble, server: TestApiServer, { clock }: Watching): Promise<void> {
  switch (what) {
    case 'cut':
      return server.watches.cut();
    case 'end':
      return server.watches.end();
    case 'break':
      return server.breakConnections();
    case 'bookmark':
      return server.watches.bookmark();
    case 'compact':
      server.store.tick();
      return server.store.compact();
    case 'restart':
    case 'outage':
      await server.stop();
      if (what === 'outage') clock.advance(5_000);
      await breathe();
      return server.start();
    case 'stall':
      server.stall();
      await breathe();
      clock.advance(480_000);
      await server.stop();
      return server.start();
    case 'cut-list':
      server.fault({ action: { do: 'cut' }, times: 1, when: ({ query }) => !query.has('watch') });
      return;
    case 'hang-up':
      server.fault({ action: { do: 'hang-up' }, times: 2 });
      return;
    case 'nonsense':
      server.fault({ action: { do: 'say', text: '{"type":"ADDED"}\n<html>\n' }, times: 1 });
      return;
    case 'no-streams':
      return server.setStreaming('broken');
    case 'streams':
      return server.setStreaming('supported');
  }
}

function change(what: Change, server: TestApiServer): void {
  if (what.do === 'put') {
    server.put(objectOf(what));
    return;
  }
  const scope = what.resource === 'Service' || what.resource === 'EndpointSlice' ? 'default' : '';
  server.delete(what.resource, scope, nameOf(what.resource, what.name));
}

async function take(what: Step, server: TestApiServer, watching: Watching): Promise<void> {
  switch (what.do) {
    case 'put':
    case 'delete':
      change(what, server);
      break;
    case 'behind':
      await server.stop();
      for (const each of what.changes) change(each, server);
      if (what.compact) server.store.compact();
      await server.start();
      break;
    case 'wait':
      watching.clock.advance(what.ms);
      break;
    case 'fault':
      server.fault({ action: { do: 'answer', status: what.status, retryAfter: '1' }, times: what.times });
      break;
    case 'trouble':
      await trouble(what.what, server, watching);
  }
  await breathe();
}

/** `Service default/a` → version, of what the selectors let through. */
function truth(server: TestApiServer): Record<string, string> {
  const selected = watchedResources('node-a').flatMap((watched) => {
    const query = new URL(pathWith(watched, {}), 'http://x').searchParams;
    const matches = parseSelectors(query) ?? (() => false);
    return server.store.list(watched.resource).filter(matches);
  });
  return sorted(
    selected.map(({ kind, metadata }) => [
      `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
      metadata.resourceVersion,
    ]),
  );
}

function store({ recorder }: Watching): Record<string, string> {
  return sorted([...recorder.objects]);
}

function sorted(entries: [string, string][]): Record<string, string> {
  return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b)));
}

/** The optional resource may have been taken as absent for five minutes. */
async function quiet(server: TestApiServer, watching: Watching): Promise<void> {
  const same = (): boolean => JSON.stringify(store(watching)) === JSON.stringify(truth(server));
  for (let round = 0; round < 200 && !same(); round++) {
    await breathe();
    const next = watching.clock.pending.find(({ delayMs }) => delayMs >= 800 && delayMs <= 300_000);
    if (next !== undefined) watching.clock.advance(next.dueAt - watching.clock.now());
  }
  expect(store(watching)).toEqual(truth(server));
}

const steps = fc.array(step, { minLength: 5, maxLength: 40 });

describe('a reflector under churn', () => {
  it.each(['auto', 'listed'] as const)(
    'ends with the picture of its server, lists: %s',
    async (lists) => {
      await fc.assert(
        fc.asyncProperty(steps, fc.boolean(), async (steps, calm) => {
          const stage = createStage();
          try {
            const server = await stage.serve();
            const watching = stage.watch([server], { lists, answerWithinMs: 30_000 });
            if (calm) await watching.synced();
            for (const each of steps) await take(each, server, watching);
            server.lift();
            await quiet(server, watching);
            // And it still works: later changes are delivered too.
            server.put({ kind: 'Service', metadata: { name: 'last', namespace: 'default' } });
            await quiet(server, watching);
          } finally {
            await stage.close();
          }
        }),
        { numRuns: 40 },
      );
    },
    60_000,
  );
});
