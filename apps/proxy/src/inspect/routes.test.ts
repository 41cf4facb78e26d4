import { request } from 'node:http';
import type { BackendError, Inspection, KernelService } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { schemaProblems } from '../testing/json-schema.ts';
import { NODE, SERVICE, SLICE, start, stopAll, synced, upsert, type World } from '../testing/proxy-world.ts';
import { SYNCED } from '../testing/composition.ts';
import type { ExplainAnswer } from '../commands/explain-question.ts';
import type { DifferenceAnswer, ServiceAnswer, ServiceSummary, StatusAnswer, SyncAnswer } from './answers.ts';
import schema from './schema/debug.schema.json' with { type: 'json' };

afterEach(stopAll);

const KEY = 'default/web:http/TCP';
const ERROR: BackendError = {
  code: 'rejected',
  operation: 'iptables-restore',
  message: 'line 3 failed',
  kernel: 'unchanged',
};

async function serving(): Promise<World> {
  const world = await start(['--cluster-cidr=10.244.0.0/16']);
  upsert(world, 'Node', NODE);
  upsert(world, 'Service', SERVICE);
  upsert(world, 'EndpointSlice', SLICE);
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
  await world.settle(1000);
  return world;
}

interface Definitions {
  readonly services: { readonly services: readonly ServiceSummary[] };
  readonly service: ServiceAnswer;
  readonly explain: ExplainAnswer;
  readonly diff: DifferenceAnswer;
  readonly syncs: { readonly syncs: readonly SyncAnswer[] };
  readonly status: StatusAnswer;
  readonly refusal: { readonly error: string };
}

/** The JSON of a route; it fits the definition in the published schema. */
async function read<D extends keyof Definitions>(
  world: World,
  path: string,
  definition: D,
  status = 200,
): Promise<Definitions[D]> {
  const response = await world.get('metrics', path);
  expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/json']);
  const body: unknown = await response.json();
  expect(schemaProblems(body, schema, definition)).toEqual([]);
  return body as Definitions[D];
}

function kernel(state: 'held' | 'missing'): Inspection {
  const service: KernelService = {
    objects: [{ type: 'chain', name: 'KUBE-SVC-X', within: 'nat', state }],
    endpoints: [{ address: '10.244.1.5', port: 8080, connections: 7 }],
  };
  return { outcome: 'ok', servicePorts: new Map([[KEY, service]]) };
}

describe('/debug/services', () => {
  it('lists every Service with its diagnosis', async () => {
    const world = await serving();
    upsert(world, 'Service', {
      ...SERVICE,
      metadata: { namespace: 'default', name: 'db' },
      spec: { clusterIP: 'None' },
    });
    const { services } = await read(world, '/debug/services', 'services');
    expect(services).toMatchObject([
      { name: 'db', served: false, type: null, clusterIPs: [] },
      {
        name: 'web',
        served: true,
        diagnosis: 'Served: 1 port, 1 endpoint',
        clusterIPs: ['10.96.0.10'],
        endpoints: { used: 1, total: 1 },
      },
    ]);
  });

  it('describes one Service; kernel is null where the mode cannot inspect it', async () => {
    const answer = await read(await serving(), '/debug/services/default/web', 'service');
    expect(answer).toMatchObject({
      served: true,
      kernel: null,
      failures: [],
      description: { namespace: 'default', name: 'web', found: true, ports: [{ key: KEY }] },
    });
  });

  it('has the objects of the kernel, and is not served when one is missing', async () => {
    const world = await serving();
    const backend = world.parts.backends.get('IPv4');
    const asked: unknown[] = [];
    let state: 'held' | 'missing' = 'held';
    Object.assign(backend ?? {}, {
      inspect: (keys: unknown) => {
        asked.push(keys);
        return Promise.resolve(kernel(state));
      },
    });
    const held = await read(world, '/debug/services/default/web', 'service');
    expect(held).toMatchObject({
      served: true,
      kernel: [{ family: 'IPv4', servicePorts: { [KEY]: { endpoints: [{ connections: 7 }] } } }],
    });
    expect(asked).toEqual([[KEY]]);
    state = 'missing';
    const missing = await read(world, '/debug/services/default/web', 'service');
    expect(missing).toMatchObject({
      served: false,
      diagnosis: 'The kernel does not hold what was programmed: chain KUBE-SVC-X is missing',
    });
  });

  it('has the error when the kernel cannot be read', async () => {
    const world = await serving();
    Object.assign(world.parts.backends.get('IPv4') ?? {}, {
      inspect: () => Promise.resolve({ outcome: 'failed', error: ERROR }),
    });
    const answer = await read(world, '/debug/services/default/web', 'service');
    expect(answer.kernel).toEqual([
      {
        family: 'IPv4',
        mode: 'iptables',
        servicePorts: null,
        error: { code: 'rejected', operation: 'iptables-restore', message: 'line 3 failed' },
      },
    ]);
  });

  it('names the service ports that the kernel refused', async () => {
    const world = await serving();
    const failures = [{ key: KEY, error: ERROR }];
    const partial = { ...SYNCED, outcome: 'partial', failures } as const;
    world.parts.backends.get('IPv4')?.answers.push(partial, partial, partial, partial);
    upsert(world, 'Service', { ...SERVICE, spec: { ...SERVICE.spec, sessionAffinity: 'ClientIP' } });
    await world.settle(1000);
    const answer = await read(world, '/debug/services/default/web', 'service');
    expect([answer.served, answer.diagnosis]).toEqual([
      false,
      'Failed to program default/web:http/TCP: iptables-restore: line 3 failed',
    ]);
    const status = await read(world, '/debug/status', 'status');
    expect(status).toMatchObject({
      state: 'degraded',
      problems: ['IPv4: default/web:http/TCP not programmed: iptables-restore: line 3 failed'],
      services: { refused: 1 },
    });
  });

  it('is not served after a sync that failed as a whole, alone and in the list', async () => {
    const world = await serving();
    for (const family of ['IPv4', 'IPv6'] as const)
      world.parts.backends.get(family)?.answers.push(new Error('boom'));
    upsert(world, 'Service', { ...SERVICE, metadata: { ...SERVICE.metadata, name: 'other' } });
    await world.settle(500);
    const failed = { served: false, diagnosis: 'Failed to program default/web:http/TCP: sync: boom' };
    const { failures, ...answer } = await read(world, '/debug/services/default/web', 'service');
    expect(answer).toMatchObject(failed);
    expect(failures?.map(({ family, key }) => [family, key])).toEqual([['IPv4', KEY]]);
    const { services } = await read(world, '/debug/services', 'services');
    expect(services.find(({ name }) => name === 'web')).toMatchObject(failed);
  });

  it('has the reason for a Service that does not exist', async () => {
    const answer = await read(await serving(), '/debug/services/default/absent', 'service');
    expect(answer.diagnosis).toMatch('Service default/absent is not known: it does not exist');
  });
});

describe('the other debug routes', () => {
  it('/debug/explain returns what happens to a packet', async () => {
    const world = await serving();
    const answer = await read(world, '/debug/explain?from=10.244.1.9&to=10.96.0.10:80', 'explain');
    expect(answer).toMatchObject({
      mode: 'iptables',
      explanation: { outcome: { kind: 'forward', destinations: [{ address: '10.244.1.5' }] }, rule: 'S35' },
    });
    const wrong = await read(world, '/debug/explain?from=nowhere&to=10.96.0.10:80', 'refusal', 400);
    expect(wrong.error).toMatch('FROM: "nowhere"');
    await read(world, '/debug/explain', 'refusal', 400);
  });

  it('/debug/diff has lines, null if the mode cannot compare, or the error', async () => {
    const world = await serving();
    Object.assign(world.parts.backends.get('IPv4') ?? {}, {
      difference: () => Promise.resolve({ outcome: 'ok', lines: ['nat', '-A KUBE-SERVICES'] }),
    });
    const { families } = await read(world, '/debug/diff', 'diff');
    expect(families).toEqual([
      { family: 'IPv4', mode: 'iptables', lines: ['nat', '-A KUBE-SERVICES'], error: null },
      { family: 'IPv6', mode: 'iptables', lines: null, error: null },
    ]);
  });

  it('/debug/syncs and the status have a sync that ended with an exception', async () => {
    const world = await serving();
    world.parts.backends.get('IPv4')?.answers.push(new Error('boom'));
    upsert(world, 'Service', { ...SERVICE, metadata: { ...SERVICE.metadata, name: 'other' } });
    await world.settle(500);
    const { syncs } = await read(world, '/debug/syncs', 'syncs');
    const error = { code: 'exception', operation: 'sync', message: 'boom' };
    const broken = { family: 'IPv4', reason: 'change', outcome: 'failed', error };
    expect(syncs.filter(({ outcome }) => outcome === 'failed')).toEqual([expect.objectContaining(broken)]);
    const { state, problems } = await read(world, '/debug/status', 'status');
    expect([state, problems]).toEqual(['degraded', ['IPv4: the last sync failed: sync: boom']]);
    await world.settle(5000);
    expect((await read(world, '/debug/status', 'status')).problems).toEqual([]);
  });

  it('/debug/syncs has the last syncs of both families', async () => {
    const world = await serving();
    const { syncs } = await read(world, '/debug/syncs', 'syncs');
    expect(new Set(syncs.map(({ family }) => family))).toEqual(new Set(['IPv4', 'IPv6']));
    expect(syncs[0]).toMatchObject({ reason: 'change', scope: 'full', outcome: 'ok' });
  });

  it('/debug/status names the conditions that the start waits for, and is ready after it', async () => {
    const world = await start(['--cluster-cidr=10.244.0.0/16']);
    const waiting = await read(world, '/debug/status', 'status');
    expect(waiting).toMatchObject({ state: 'waiting', mode: 'iptables', node: 'node-a', api: null });
    expect(waiting.waitingFor).toEqual([
      'the first list of Services',
      'the first list of EndpointSlices',
      'the first list of Nodes',
      'an address of Node node-a',
    ]);
    await stopAll();
    const ready = await read(await serving(), '/debug/status', 'status');
    expect(ready).toMatchObject({
      state: 'ready',
      waitingFor: [],
      problems: [],
      services: { total: 1, programmed: 1, refused: 0, withoutEndpoints: 0, conflicting: 0 },
    });
  });

  it('/debug/schema is the schema of these answers', async () => {
    const response = await (await serving()).get('metrics', '/debug/schema');
    expect(await response.json()).toEqual(schema);
  });
});

function statusWith(
  world: World,
  options: { readonly method?: string; readonly host: string },
): Promise<number> {
  const { port } = world.proxy.servers.metrics?.address() ?? { port: 0 };
  const { method = 'GET', host } = options;
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/debug/services', method, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describe('requests to debug routes', () => {
  it.each([
    ['localhost', 200],
    ['node-a:10249', 200],
    ['attacker.example', 403],
  ])('with Host %s are answered with %i', async (host, status) => {
    expect(await statusWith(await serving(), { host })).toBe(status);
  });

  it('only read: other methods are refused', async () => {
    expect(await statusWith(await serving(), { host: 'localhost', method: 'POST' })).toBe(405);
  });
});
