import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredChange } from '../desired/desired-change.ts';
import type { DesiredServicePort, DesiredState } from '../desired/desired-state.ts';
import type { ObjectEvent, Resource } from '../input.ts';
import { FAMILIES, type Family } from '../model/family.ts';
import { sameValue } from '../model/same-value.ts';
import { nodeObject, remove, serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import type { EndpointShape } from '../testing/objects.ts';
import type { ModelConfig } from '../model/model-config.ts';
import type { Model } from './model-types.ts';
import { createModel } from './model.ts';

/** What happens to a model. Few names and addresses, so that Services conflict and slices move. */
type Step =
  | { readonly kind: 'event'; readonly event: ObjectEvent }
  | { readonly kind: 'configure'; readonly config: ModelConfig }
  | { readonly kind: 'interfaces'; readonly address: string }
  | { readonly kind: 'build'; readonly family: Family }
  | { readonly kind: 'look'; readonly family: Family };

const NAMES = ['s0', 's1', 's2'] as const;
const SLICES = ['a', 'b', 'c'] as const;

const HTTP = { name: 'http', protocol: 'TCP' } as const;
const DNS = { name: 'dns', protocol: 'UDP' } as const;

const port = fc.record({
  named: fc.constantFrom(HTTP, HTTP, DNS),
  port: fc.constantFrom(80, 81),
  nodePort: fc.constantFrom(0, 30_080, 30_081),
});

const ports = fc
  .array(port, { minLength: 1, maxLength: 2 })
  .map((all) => all.map(({ named, ...numbers }) => ({ ...named, ...numbers })));

const addressPair = fc.constantFrom(
  { clusterIP: '10.96.0.1' },
  { clusterIP: '10.96.0.2' },
  { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'] },
  { clusterIP: 'fd00::2', clusterIPs: ['fd00::2', '10.96.0.3'] },
  { clusterIP: 'None' },
);

const spec = fc
  .record({
    addresses: addressPair,
    type: fc.constantFrom('ClusterIP', 'LoadBalancer', 'NodePort', 'ExternalName'),
    externalTrafficPolicy: fc.constantFrom('Local', 'Cluster'),
    internalTrafficPolicy: fc.constantFrom('Local', 'Cluster'),
    sessionAffinity: fc.constantFrom('None', 'ClientIP'),
    externalIPs: fc.subarray(['203.0.113.1', '203.0.113.2', '2001:db8::1']),
    loadBalancerSourceRanges: fc.subarray(['192.0.2.0/24', 'fd00::/8']),
    healthCheckNodePort: fc.constantFrom(0, 31_000),
    ports,
  })
  .map(({ addresses, ...rest }) => ({ ...rest, ...addresses }));

const service = fc.record({
  name: fc.constantFrom(...NAMES),
  metadata: fc.constantFrom(
    {},
    { creationTimestamp: '2026-01-01T00:00:00Z' },
    { creationTimestamp: '2025-01-01T00:00:00Z' },
  ),
  spec,
  ingress: fc.subarray([{ ip: '203.0.113.1' }, { ip: '203.0.113.3' }, { ip: '2001:db8::1' }]),
});

const endpoint = (family: Family): fc.Arbitrary<EndpointShape> =>
  fc.record(
    {
      address:
        family === 'IPv4'
          ? fc.constantFrom('10.244.1.1', '10.244.1.2')
          : fc.constantFrom('fd00::11', 'fd00::12'),
      node: fc.constantFrom('node-a', 'node-b'),
      ready: fc.constantFrom(true, true, false),
      serving: fc.boolean(),
      terminating: fc.constantFrom(true, false, false),
      zones: fc.constantFrom(['z1'], ['z2'], ['z1', 'z2']),
    },
    { requiredKeys: ['address', 'zones'] },
  );

const slice = fc
  .record({
    name: fc.constantFrom(...SLICES),
    service: fc.constantFrom(...NAMES),
    addressType: fc.constantFrom(...FAMILIES),
    ports: fc.constantFrom(
      [{ ...HTTP, port: 8080 }],
      [
        { ...HTTP, port: 8080 },
        { ...DNS, port: 53 },
      ],
      [],
    ),
  })
  .chain((shape) =>
    fc.array(endpoint(shape.addressType), { maxLength: 3 }).map((endpoints) => sliceObject(endpoints, shape)),
  );

const config = fc
  .record({
    masqueradeAll: fc.boolean(),
    externalIPs: fc.boolean(),
    nodePortAddresses: fc.constantFrom<ModelConfig['nodePortAddresses']>(
      ['primary'],
      [],
      ['192.0.2.0/24'],
      ['primary', 'localhost'],
    ),
  })
  .map((some) => ({ ...TEST_CONFIG, ...some }));

const event = (resource: Resource, object: unknown): Step => ({
  kind: 'event',
  event: upsert(resource, object),
});
const deletion = (resource: Resource, name: string): Step => ({
  kind: 'event',
  event: remove(resource, name),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: service.map((shape) => event('Service', serviceObject(shape))) },
  { weight: 3, arbitrary: fc.constantFrom(...NAMES).map((name) => deletion('Service', name)) },
  { weight: 6, arbitrary: slice.map((object) => event('EndpointSlice', object)) },
  { weight: 3, arbitrary: fc.constantFrom(...SLICES).map((name) => deletion('EndpointSlice', name)) },
  { weight: 2, arbitrary: fc.constantFrom('z1', 'z2').map((zone) => event('Node', nodeObject({ zone }))) },
  { weight: 1, arbitrary: config.map((config) => ({ kind: 'configure' as const, config })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('192.0.2.10', '192.0.2.11')
      .map((address) => ({ kind: 'interfaces' as const, address })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...FAMILIES).map((family) => ({ kind: 'build' as const, family })),
  },
  { weight: 2, arbitrary: fc.constantFrom(...FAMILIES).map((family) => ({ kind: 'look' as const, family })) },
);

const steps = fc.array(step, { maxLength: 30 });

/** The state of a backend that has applied every change. */
type Follower = Map<string, DesiredServicePort>;

function follow(follower: Follower, change: DesiredChange): void {
  if (change.kind === 'full') follower.clear();
  const { added, changed, removed } = change.servicePorts;
  for (const { key } of removed) {
    expect(follower.has(key), `removed ${key} was there`).toBe(true);
    follower.delete(key);
  }
  for (const { before, after } of changed) {
    expect(sameValue(before, after), `${after.key} differs`).toBe(false);
    expect(follower.get(before.key)).toEqual(before);
    follower.set(after.key, after);
  }
  for (const after of added) {
    expect(follower.has(after.key), `added ${after.key} was not there`).toBe(false);
    follower.set(after.key, after);
  }
}

interface Run {
  readonly model: Model;
  readonly followers: Readonly<Record<Family, Follower>>;
  /** The objects that exist, by resource and name; and the last settings. */
  readonly alive: Map<string, ObjectEvent>;
  config: ModelConfig;
  interfaces: { readonly interface: string; readonly family: Family; readonly address: string }[];
}

function nameOf(event: ObjectEvent): string {
  if (event.type === 'delete') return event.name;
  return (event.object as { metadata: { name: string } }).metadata.name;
}

function buildAndFollow(run: Run, family: Family): void {
  follow(run.followers[family], run.model.build(family).change);
}

function take(run: Run, step: Step): void {
  switch (step.kind) {
    case 'event': {
      run.model.apply(step.event);
      const key = `${step.event.resource} ${nameOf(step.event)}`;
      if (step.event.type === 'upsert') run.alive.set(key, step.event);
      else run.alive.delete(key);
      break;
    }
    case 'configure':
      run.config = step.config;
      run.model.configure(step.config);
      break;
    case 'interfaces':
      run.interfaces = [{ interface: 'eth0', family: 'IPv4', address: step.address }];
      run.model.setInterfaceAddresses(run.interfaces);
      break;
    case 'build':
      buildAndFollow(run, step.family);
      break;
    case 'look':
      run.model.hasPending(step.family);
  }
}

function runSteps(all: readonly Step[]): Run {
  const followers = { IPv4: new Map(), IPv6: new Map() };
  const model = createModel(TEST_CONFIG);
  const run: Run = { model, followers, alive: new Map(), config: TEST_CONFIG, interfaces: [] };
  for (const step of all) take(run, step);
  for (const family of FAMILIES) buildAndFollow(run, family);
  return run;
}

/** The same objects, in another order, in one go. */
function fromScratch(run: Run): Model {
  const model = createModel(run.config);
  model.setInterfaceAddresses(run.interfaces);
  for (const [, event] of [...run.alive].sort(([one], [other]) => (one < other ? 1 : -1))) model.apply(event);
  return model;
}

function snapshot(state: DesiredState): object {
  return {
    node: state.node,
    counts: state.counts,
    servicePorts: Object.fromEntries(state.servicePorts),
    healthChecks: Object.fromEntries(state.healthChecks),
  };
}

function frontendKeys({ servicePorts }: DesiredState): string[] {
  return [...servicePorts.values()].flatMap(({ name, frontends }) =>
    frontends.map((frontend) => {
      const address = frontend.kind === 'node-port' ? '' : frontend.address;
      return `${address} ${frontend.port} ${name.protocol}`;
    }),
  );
}

const RUNS = { numRuns: 1000 };

describe('any sequence of events', () => {
  it('F133: leads to the state that the final objects alone lead to', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const run = runSteps(all);
        const scratch = fromScratch(run);
        for (const family of FAMILIES) {
          expect(snapshot(run.model.state(family))).toEqual(snapshot(scratch.build(family).state));
        }
      }),
      RUNS,
    );
  });

  it('F133: produces changes that together give the state', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { model, followers } = runSteps(all);
        for (const family of FAMILIES) {
          expect(followers[family]).toEqual(model.state(family).servicePorts);
          expect(model.hasPending(family)).toBe(false);
        }
      }),
      RUNS,
    );
  });

  it('S28: never makes two frontends of one address, port and protocol', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { model } = runSteps(all);
        for (const family of FAMILIES) {
          const keys = frontendKeys(model.state(family));
          expect(new Set(keys).size, keys.join('\n')).toBe(keys.length);
        }
      }),
      RUNS,
    );
  });

  it('leaves nothing when everything is deleted', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { model, alive } = runSteps(all);
        for (const [, event] of alive) model.apply(remove(event.resource, nameOf(event)));
        for (const family of FAMILIES) {
          const { state } = model.build(family);
          expect([state.servicePorts.size, state.healthChecks.size, state.counts.endpoints]).toEqual([
            0, 0, 0,
          ]);
        }
        expect(model.pending()).toEqual({ services: 0, endpointSlices: 0 });
      }),
      RUNS,
    );
  });
});
