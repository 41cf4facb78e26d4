import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../model/family.ts';
import { RESOURCES, type Resource } from '../input.ts';
import { sameValue } from '../model/same-value.ts';
import { nodeObject, serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import { createModel } from '../track/model.ts';

const MODELS: Readonly<Record<Resource, unknown>> = {
  Service: serviceObject({
    spec: {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.10', 'fd00::a'],
      ipFamilies: ['IPv4', 'IPv6'],
      externalIPs: ['203.0.113.1'],
      loadBalancerSourceRanges: ['192.0.2.0/24'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
      healthCheckNodePort: 31_000,
      externalTrafficPolicy: 'Local',
      ports: [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' }],
    },
    ingress: [{ ip: '203.0.113.9', ipMode: 'VIP' }],
  }),
  EndpointSlice: sliceObject([
    { address: '10.0.0.1', node: 'node-a', ready: true, zones: ['z1'], nodes: ['node-a'] },
  ]),
  Node: nodeObject({ zone: 'z1', spec: { podCIDRs: ['10.244.1.0/24'], taints: [{ key: 'k' }] } }),
  ServiceCIDR: { metadata: { name: 'a' }, spec: { cidrs: ['10.96.0.0/16'] } },
};

const wrong = fc.oneof(
  fc.constantFrom(null, undefined, '', 'x', 0, -1, 1.5, Number.NaN, true, [], {}, [null], [[]]),
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom('10.0.0.1', 'fd00::1', '10.0.0.0/8', 'None', '::ffff:1.2.3.4', '__proto__', 'a/b'),
);

/** How deep, and which of the parts to go into at each depth. */
const route = fc.array(fc.nat(20), { maxLength: 6 });

/** The same object with one part, somewhere inside, replaced. */
function replacePart(value: unknown, [turn, ...rest]: readonly number[], by: unknown): unknown {
  if (turn === undefined || typeof value !== 'object' || value === null) return by;
  const entries = Object.entries(value);
  const [key, inner] = entries[turn % Math.max(entries.length, 1)] ?? ['', undefined];
  const changed = replacePart(inner, rest, by);
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === key ? changed : item) as unknown);
  return { ...value, [key]: changed };
}

const damaged = fc
  .record({ resource: fc.constantFrom(...RESOURCES), route, by: wrong })
  .map(({ resource, route, by }) => ({ resource, object: replacePart(MODELS[resource], route, by) }));

describe('damaged objects', () => {
  it('never throw: the result is a list of problems', () => {
    fc.assert(
      fc.property(fc.array(damaged, { minLength: 1, maxLength: 8 }), (all) => {
        const model = createModel(TEST_CONFIG);
        for (const resource of RESOURCES) model.apply(upsert(resource, MODELS[resource]));
        for (const { resource, object } of all) {
          for (const problem of model.apply(upsert(resource, object))) {
            expect(problem.resource).toBe(resource);
            expect(problem.reason).not.toBe('');
            expect(problem.value.length).toBeLessThanOrEqual(60);
          }
        }
        for (const family of FAMILIES) model.build(family);
      }),
      { numRuns: 1000 },
    );
  });

  /** Under another name they would be other objects, which could have the address by right (S28). */
  const sameName = damaged.filter(({ resource, object }) => {
    const metadata = (value: unknown): unknown => (value as { metadata?: unknown } | null)?.metadata;
    return sameValue(metadata(object), metadata(MODELS[resource]));
  });

  it('do not affect objects that are applied later', () => {
    fc.assert(
      fc.property(fc.array(sameName, { maxLength: 8 }), (all) => {
        const model = createModel(TEST_CONFIG);
        for (const { resource, object } of all) model.apply(upsert(resource, object));
        for (const resource of RESOURCES) model.apply(upsert(resource, MODELS[resource]));
        const built = model.build('IPv4').state.servicePorts.get('shop/cart:http/TCP');
        expect(built?.clusterEndpoints.map(({ address }) => address)).toContain('10.0.0.1');
      }),
      { numRuns: 1000 },
    );
  });

  it('F131: never put a name into the state that could break out of a rule', () => {
    const name = fc.oneof(fc.string(), fc.constantFrom('a\nCOMMIT', '"', 'a b', 'A', '-a', 'a/b', 'a:b'));
    fc.assert(
      fc.property(name, name, name, (namespace, service, port) => {
        const model = createModel(TEST_CONFIG);
        const ports = [{ name: port, port: 80 }];
        model.apply(
          upsert('Service', serviceObject({ name: service, metadata: { namespace }, spec: { ports } })),
        );
        for (const key of model.build('IPv4').state.servicePorts.keys()) {
          expect(key).toMatch(/^[-.a-z0-9]+\/[-.a-z0-9]+:[-.a-z0-9]*\/TCP$/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
