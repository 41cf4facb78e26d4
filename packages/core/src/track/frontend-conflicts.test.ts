import { describe, expect, it } from 'vitest';
import { formatInputProblem, type InputProblem } from '../input.ts';
import { frontendTexts } from '../testing/frontends.ts';
import { remove, serviceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import type { Model } from './model-types.ts';
import { createModel } from './model.ts';

const OLD = { creationTimestamp: '2025-01-01T00:00:00Z' };
const YOUNG = { creationTimestamp: '2026-01-01T00:00:00Z' };

interface Shape {
  readonly name: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The problems of the object, and the conflicts that came with it. */
function applyService(model: Model, object: object): readonly InputProblem[] {
  const before = new Set(model.conflicts().map(formatInputProblem));
  const problems = model.apply(upsert('Service', object));
  return [...problems, ...model.conflicts().filter((conflict) => !before.has(formatInputProblem(conflict)))];
}

function put(model: Model, { name, metadata = {}, spec = {} }: Shape): readonly InputProblem[] {
  return applyService(model, serviceObject({ name, metadata, spec }));
}

/** `service: frontends` of everything that was built. */
function held(model: Model): Record<string, string[]> {
  const { state } = model.build('IPv4');
  return Object.fromEntries(
    [...state.servicePorts].map(([key, servicePort]) => [
      key.replace('shop/', '').replace(':http/TCP', ''),
      frontendTexts(servicePort).map((text) => text.replace(/: any.*/, '')),
    ]),
  );
}

describe('two services that specify one address and port', () => {
  it('S28: the older one has it, whichever came first', () => {
    const shapes = [
      { name: 'a', metadata: YOUNG },
      { name: 'b', metadata: OLD },
    ];
    for (const order of [shapes, shapes.toReversed()]) {
      const model = createModel(TEST_CONFIG);
      for (const shape of order) put(model, shape);
      expect(held(model)).toEqual({ b: ['cluster-ip 10.96.0.10:80'] });
    }
  });

  it('S28: of two equally old ones the first by name', () => {
    const model = createModel(TEST_CONFIG);
    put(model, { name: 'b', metadata: OLD });
    put(model, { name: 'a', metadata: OLD });
    expect(held(model)).toEqual({ a: ['cluster-ip 10.96.0.10:80'] });
  });

  it('S28: the conflict is reported once and names both Services', () => {
    const model = createModel(TEST_CONFIG);
    put(model, { name: 'a', metadata: OLD });
    const problems = put(model, { name: 'b', metadata: YOUNG });
    expect(problems.map(formatInputProblem)).toEqual([
      'Service shop/b.spec.clusterIP: invalid value 10.96.0.10:80/TCP: ' +
        'already used by Service shop/a, which is older or first by name',
    ]);
    expect(put(model, { name: 'b', metadata: YOUNG })).toEqual([]);
  });

  it('S28: an older Service that is applied later reports the conflict of the younger one', () => {
    const model = createModel(TEST_CONFIG);
    put(model, { name: 'b', metadata: YOUNG });
    expect(put(model, { name: 'a', metadata: OLD }).map(({ object }) => object)).toEqual(['shop/b']);
  });

  it('S28: the conflict names the field of the younger Service, whichever of the two was applied last', () => {
    const loser = { name: 'a', spec: { clusterIP: '10.96.0.1', externalIPs: ['203.0.113.9'] } };
    const winner = { name: 'b', metadata: OLD, spec: { clusterIP: '10.96.0.2' } };
    const ingress = [{ ip: '203.0.113.9' }];
    const putWinner = (model: Model): readonly InputProblem[] =>
      applyService(model, serviceObject({ ...winner, ingress }));
    const last = createModel(TEST_CONFIG);
    put(last, loser);
    const first = createModel(TEST_CONFIG);
    putWinner(first);
    for (const problems of [putWinner(last), put(first, loser)]) {
      expect(problems.map(({ object, field }) => `${object} ${field}`)).toEqual(['shop/a spec.externalIPs']);
    }
  });

  it('S28: a conflict ends with either of the two, or when one of them changes its address', () => {
    const shapes = [
      { name: 'a', metadata: OLD },
      { name: 'b', metadata: YOUNG },
    ];
    const endings: ((model: Model) => unknown)[] = [
      (model) => model.apply(remove('Service', 'a')),
      (model) => model.apply(remove('Service', 'b')),
      (model) => put(model, { name: 'a', metadata: OLD, spec: { clusterIP: '10.96.0.99' } }),
    ];
    for (const end of endings) {
      const model = createModel(TEST_CONFIG);
      for (const shape of shapes) put(model, shape);
      const conflicts = model.conflicts();
      expect(conflicts.map(({ object }) => object)).toEqual(['shop/b']);
      put(model, { name: 'c', spec: { clusterIP: '10.96.0.7' } });
      expect(model.conflicts()).toEqual(conflicts);
      end(model);
      expect(model.conflicts()).toEqual([]);
    }
  });

  it('S28: conflicts of three Services name each younger one, and the same oldest', () => {
    const model = createModel(TEST_CONFIG);
    for (const name of ['c', 'a', 'b']) put(model, { name, metadata: name === 'c' ? OLD : YOUNG });
    expect(model.conflicts().map(({ object, reason }) => [object, reason.split(',')[0]])).toEqual([
      ['shop/a', 'already used by Service shop/c'],
      ['shop/b', 'already used by Service shop/c'],
    ]);
    expect(model.conflicts()).toBe(model.conflicts());
  });

  it('S28: the younger one gets it when the older one is deleted', () => {
    const model = createModel(TEST_CONFIG);
    put(model, { name: 'a', metadata: OLD });
    put(model, { name: 'b', metadata: YOUNG });
    held(model);
    model.apply(remove('Service', 'a'));
    const { added, removed } = model.build('IPv4').change.servicePorts;
    expect([added.map(({ key }) => key), removed.map(({ key }) => key)]).toEqual([
      ['shop/b:http/TCP'],
      ['shop/a:http/TCP'],
    ]);
  });

  it('S28: the younger one gets it when the older one changes its address', () => {
    const model = createModel(TEST_CONFIG);
    put(model, { name: 'a', metadata: OLD });
    put(model, { name: 'b', metadata: YOUNG });
    held(model);
    put(model, { name: 'a', metadata: OLD, spec: { clusterIP: '10.96.0.99' } });
    expect(held(model)).toEqual({ a: ['cluster-ip 10.96.0.99:80'], b: ['cluster-ip 10.96.0.10:80'] });
  });

  it('S28: a Service with a conflict keeps its other frontends', () => {
    const model = createModel(TEST_CONFIG);
    put(model, { name: 'a', spec: { clusterIP: '10.96.0.1', externalIPs: ['203.0.113.1'] } });
    put(model, { name: 'b', spec: { clusterIP: '10.96.0.2', externalIPs: ['203.0.113.1'] } });
    expect(held(model)).toEqual({
      a: ['cluster-ip 10.96.0.1:80', 'external-ip 203.0.113.1:80'],
      b: ['cluster-ip 10.96.0.2:80'],
    });
  });

  it('S28: one address on another port or protocol is no conflict (S50)', () => {
    const model = createModel(TEST_CONFIG);
    const ports = [{ name: 'http', port: 80, protocol: 'UDP' }];
    put(model, { name: 'a' });
    expect(put(model, { name: 'b', spec: { ports } })).toEqual([]);
    expect(put(model, { name: 'c', spec: { ports: [{ name: 'http', port: 81 }] } })).toEqual([]);
    expect(model.build('IPv4').state.servicePorts.size).toBe(3);
  });

  it('a node port counts per protocol', () => {
    const model = createModel(TEST_CONFIG);
    const at = (protocol: string): object => ({ name: 'http', port: 80, nodePort: 30_080, protocol });
    put(model, { name: 'a', spec: { clusterIP: '10.96.0.1', ports: [at('TCP')] } });
    expect(put(model, { name: 'b', spec: { clusterIP: '10.96.0.2', ports: [at('UDP')] } })).toEqual([]);
    const [problem] = put(model, { name: 'c', spec: { clusterIP: '10.96.0.3', ports: [at('TCP')] } });
    expect([problem?.object, problem?.field]).toEqual(['shop/c', 'spec.ports.nodePort']);
  });

  it('a cluster IP is reused after delete and create within one build', () => {
    const model = createModel(TEST_CONFIG);
    put(model, { name: 'a' });
    held(model);
    model.apply(remove('Service', 'a'));
    expect(put(model, { name: 'b' })).toEqual([]);
    expect(held(model)).toEqual({ b: ['cluster-ip 10.96.0.10:80'] });
  });

  it('two ports of one service cannot have one node port twice', () => {
    const model = createModel(TEST_CONFIG);
    const ports = [
      { name: 'http', port: 80 },
      { name: 'again', port: 80 },
    ];
    expect(put(model, { name: 'a', spec: { ports } }).map(({ field }) => field)).toEqual(['spec.clusterIP']);
    expect([...model.build('IPv4').state.servicePorts.keys()]).toEqual(['shop/a:again/TCP']);
  });

  it('S17: external IPs that are ignored conflict with nothing until the feature gate is enabled', () => {
    const model = createModel({ ...TEST_CONFIG, externalIPs: false });
    put(model, { name: 'a', metadata: OLD, spec: { clusterIP: '10.96.0.1', externalIPs: ['10.96.0.2'] } });
    expect(put(model, { name: 'b', metadata: YOUNG, spec: { clusterIP: '10.96.0.2' } })).toEqual([]);
    expect(Object.keys(held(model))).toEqual(['a', 'b']);
    model.configure(TEST_CONFIG);
    expect(held(model)).toEqual({ a: ['cluster-ip 10.96.0.1:80', 'external-ip 10.96.0.2:80'] });
  });
});
