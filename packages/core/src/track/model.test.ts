import { describe, expect, it } from 'vitest';
import type { DesiredChange } from '../desired/desired-change.ts';
import type { DesiredServicePort } from '../desired/desired-state.ts';
import type { Family } from '../model/family.ts';
import { frontendTexts } from '../testing/frontends.ts';
import { nodeObject, remove, serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import type { EndpointShape, ServiceShape } from '../testing/objects.ts';
import type { ModelConfig } from '../model/model-config.ts';
import type { Model } from './model-types.ts';
import { createModel } from './model.ts';

const KEY = 'shop/cart:http/TCP';
const POD: EndpointShape = { address: '10.244.1.5', node: 'node-a' };
const OTHER_POD: EndpointShape = { address: '10.244.2.7', node: 'node-b' };

function service(shape: ServiceShape = {}): ReturnType<typeof upsert> {
  return upsert('Service', serviceObject(shape));
}

function slice(...args: Parameters<typeof sliceObject>): ReturnType<typeof upsert> {
  return upsert('EndpointSlice', sliceObject(...args));
}

/** `shop/cart` with one endpoint, built once. */
function builtModel(config: Partial<ModelConfig> = {}): Model {
  const model = createModel({ ...TEST_CONFIG, ...config });
  model.apply(upsert('Node', nodeObject()));
  model.apply(service());
  model.apply(slice([POD]));
  model.build('IPv4');
  return model;
}

function endpointsOf(model: Model, key = KEY, family: Family = 'IPv4'): string[] {
  const { state } = model.build(family);
  return (state.servicePorts.get(key)?.clusterEndpoints ?? []).map(({ address }) => address);
}

const keys = (servicePorts: readonly DesiredServicePort[]): string[] => servicePorts.map(({ key }) => key);

function summary({ kind, servicePorts }: DesiredChange): object {
  const { added, changed, removed } = servicePorts;
  return {
    kind,
    added: keys(added),
    changed: keys(changed.map(({ after }) => after)),
    removed: keys(removed),
  };
}

const NOTHING = { kind: 'incremental', added: [], changed: [], removed: [] };

describe('builds', () => {
  it('F133: the first change is full, the next contains only what changed, the next is empty', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(service());
    expect(summary(model.build('IPv4').change)).toEqual({ ...NOTHING, kind: 'full', added: [KEY] });
    model.apply(slice([POD]));
    expect(summary(model.build('IPv4').change)).toEqual({ ...NOTHING, changed: [KEY] });
    expect(summary(model.build('IPv4').change)).toEqual(NOTHING);
    model.apply(remove('Service', 'cart'));
    expect(summary(model.build('IPv4').change)).toEqual({ ...NOTHING, removed: [KEY] });
  });

  it('F133: an object that comes again unchanged changes nothing', () => {
    const model = builtModel();
    model.apply(service());
    model.apply(slice([POD]));
    expect([model.hasPending('IPv4'), model.pending()]).toEqual([false, { services: 0, endpointSlices: 0 }]);
    expect(summary(model.build('IPv4').change)).toEqual(NOTHING);
  });

  it('F133: a change that is reverted before the build is none', () => {
    const model = builtModel();
    model.apply(slice([POD, OTHER_POD]));
    expect([model.hasPending('IPv4'), model.pending().endpointSlices]).toEqual([true, 1]);
    model.apply(slice([POD]));
    expect([model.hasPending('IPv4'), model.pending().endpointSlices]).toEqual([false, 0]);
    expect(summary(model.build('IPv4').change)).toEqual(NOTHING);
  });

  it('F133: labels and annotations that affect nothing are no change', () => {
    const model = builtModel();
    model.apply(service({ metadata: { labels: { team: 'a' }, resourceVersion: '77' } }));
    expect([model.hasPending('IPv4'), model.pending().services]).toEqual([false, 0]);
  });

  it('F133: what has changed and what has not keeps its identity', () => {
    const model = builtModel();
    const before = model.state('IPv4').servicePorts.get(KEY);
    model.apply(service({ spec: { sessionAffinity: 'ClientIP' } }));
    const [changed] = model.build('IPv4').change.servicePorts.changed;
    expect(changed?.before).toBe(before);
    expect(changed?.after.clusterEndpoints).toBe(before?.clusterEndpoints);
    expect(changed?.after.affinity).not.toEqual(before?.affinity);
  });

  it('F133: a port that was added and removed between two builds is in no change', () => {
    const model = builtModel();
    const http = { name: 'http', port: 80 };
    model.apply(service({ spec: { ports: [http, { name: 'https', port: 443 }] } }));
    expect(model.hasPending('IPv4')).toBe(true);
    model.apply(service({ spec: { ports: [http] } }));
    expect(summary(model.build('IPv4').change)).toEqual(NOTHING);
  });

  it('rebuild returns a full change, and counts as a build', () => {
    const model = builtModel();
    model.apply(slice([OTHER_POD]));
    const { change } = model.rebuild('IPv4');
    expect(summary(change)).toEqual({ ...NOTHING, kind: 'full', added: [KEY] });
    expect(change.servicePorts.added[0]?.clusterEndpoints[0]?.address).toBe(OTHER_POD.address);
    expect(summary(model.build('IPv4').change)).toEqual(NOTHING);
  });

  it('the state shows what was built, not what is pending', () => {
    const model = builtModel();
    const state = model.state('IPv4');
    model.apply(remove('Service', 'cart'));
    expect(model.hasPending('IPv4')).toBe(true);
    expect(state.servicePorts.has(KEY)).toBe(true);
    model.build('IPv4');
    expect(state.servicePorts.has(KEY)).toBe(false);
  });

  it('F139: the families are built apart', () => {
    const model = builtModel();
    model.build('IPv6');
    model.apply(slice([OTHER_POD]));
    expect([model.hasPending('IPv4'), model.hasPending('IPv6')]).toEqual([true, false]);
  });
});

describe('pending counts', () => {
  it('F133: count all objects before the first build, then those that differ', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(service());
    model.apply(slice([POD]));
    expect(model.pending()).toEqual({ services: 1, endpointSlices: 1 });
    model.build('IPv4');
    expect(model.pending()).toEqual({ services: 0, endpointSlices: 0 });
    model.apply(remove('Service', 'cart'));
    model.apply(remove('EndpointSlice', 'cart-1'));
    expect(model.pending()).toEqual({ services: 1, endpointSlices: 1 });
  });
});

describe('pending counts of two families', () => {
  it('F155: a change of one family alone counts', () => {
    const model = createModel(TEST_CONFIG);
    model.build('IPv4');
    model.build('IPv6');
    model.apply(service());
    model.build('IPv6');
    expect(model.pending().services).toBe(1);
    model.build('IPv4');
    expect(model.pending().services).toBe(0);
  });
});

describe('deletions', () => {
  it('an object without a namespace is one of the namespace default', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(service({ metadata: { namespace: undefined } }));
    expect(keys([...model.build('IPv4').state.servicePorts.values()])).toEqual(['default/cart:http/TCP']);
    model.apply({ type: 'delete', resource: 'Service', namespace: '', name: 'cart' });
    expect(model.build('IPv4').state.servicePorts.size).toBe(0);
  });
});

describe('endpoint slices', () => {
  it('F134: of one service are merged, and each is deleted by its own name', () => {
    const model = builtModel();
    model.apply(slice([OTHER_POD], { name: 'cart-2' }));
    expect(endpointsOf(model)).toEqual([POD.address, OTHER_POD.address]);
    model.apply(remove('EndpointSlice', 'cart-1'));
    expect(endpointsOf(model)).toEqual([OTHER_POD.address]);
  });

  it('F134: may come before their service and outlive it', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(slice([POD]));
    model.build('IPv4');
    model.apply(service());
    expect(endpointsOf(model)).toEqual([POD.address]);
    model.apply(remove('Service', 'cart'));
    model.build('IPv4');
    model.apply(service());
    expect(endpointsOf(model)).toEqual([POD.address]);
  });

  it('F134: may move to another service', () => {
    const model = builtModel();
    model.apply(service({ name: 'other', spec: { clusterIP: '10.96.0.11' } }));
    model.apply(slice([POD], { name: 'cart-1', service: 'other' }));
    const { change } = model.build('IPv4');
    expect(summary(change)).toEqual({ ...NOTHING, added: ['shop/other:http/TCP'], changed: [KEY] });
  });

  it('F134: another address type belongs to the other family', () => {
    const model = builtModel();
    model.apply(slice([{ address: 'fd00::5' }], { name: 'cart-6', addressType: 'IPv6' }));
    expect(model.hasPending('IPv4')).toBe(false);
  });

  it('an invalid part is reported by field, and only that part is left out', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(service());
    const problems = model.apply(slice([{ address: '10.0.0.300' }, POD]));
    expect(problems).toEqual([
      {
        resource: 'EndpointSlice',
        object: 'shop/cart-1',
        field: 'endpoints[0].addresses[0]',
        value: '"10.0.0.300"',
        reason: 'must be an IPv4 address',
      },
    ]);
    expect(endpointsOf(model)).toEqual([POD.address]);
  });
});

describe('trigger times', () => {
  const at = (second: number, pods: readonly EndpointShape[], name = 'cart-1'): ReturnType<typeof slice> =>
    slice(pods, {
      name,
      metadata: {
        labels: { 'kubernetes.io/service-name': 'cart' },
        annotations: {
          'endpoints.kubernetes.io/last-change-trigger-time': `2026-01-01T00:00:0${second}Z`,
        },
      },
    });
  const time = (second: number): number => Date.UTC(2026, 0, 1, 0, 0, second);

  it('S53: one per changed slice, until the build', () => {
    const model = builtModel();
    model.apply(at(1, [POD, OTHER_POD]));
    model.apply(at(2, [OTHER_POD], 'cart-2'));
    expect(model.build('IPv4').triggerTimes).toEqual([time(1), time(2)]);
    expect(model.build('IPv4').triggerTimes).toEqual([]);
  });

  it('F136: are dropped when a slice of the service is deleted', () => {
    const model = builtModel();
    model.apply(at(1, [POD, OTHER_POD]));
    model.apply(remove('EndpointSlice', 'cart-1'));
    expect(model.build('IPv4').triggerTimes).toEqual([]);
  });

  it('F136: an unchanged slice triggers nothing', () => {
    const model = builtModel();
    model.apply(at(1, [POD]));
    expect(model.build('IPv4').triggerTimes).toEqual([]);
  });
});

describe('the node', () => {
  it('F117: the first address names the primary family', () => {
    const model = createModel(TEST_CONFIG);
    expect(model.node()).toMatchObject({ known: false, eligible: false, ips: {}, primaryFamily: 'IPv4' });
    model.apply(upsert('Node', nodeObject({ internal: ['2001:db8::10', '192.0.2.10', '192.0.2.11'] })));
    expect(model.node()).toMatchObject({
      known: true,
      eligible: true,
      ips: { IPv6: '2001:db8::10', IPv4: '192.0.2.10' },
      primaryFamily: 'IPv6',
    });
  });

  it('F118: the override takes the place of the primary address', () => {
    const model = createModel({ ...TEST_CONFIG, nodeIPOverride: '2001:DB8::99' });
    model.apply(upsert('Node', nodeObject({ internal: ['192.0.2.10', '2001:db8::10'] })));
    expect(model.node()).toMatchObject({
      ips: { IPv6: '2001:db8::99', IPv4: '192.0.2.10' },
      primaryFamily: 'IPv6',
    });
  });

  it('F121: a deleted node is no longer eligible but keeps its addresses', () => {
    const model = builtModel({ nodePortAddresses: ['primary'] });
    model.apply(remove('Node', 'node-a'));
    expect(model.node()).toMatchObject({ known: false, eligible: false, ips: { IPv4: '192.0.2.10' } });
    expect(model.hasPending('IPv4')).toBe(false);
  });

  it('F121: a deleted node that comes back is eligible again', () => {
    const model = builtModel();
    model.apply(remove('Node', 'node-a'));
    model.apply(upsert('Node', nodeObject()));
    expect(model.node()).toMatchObject({ known: true, eligible: true });
  });

  it('F115: a node that is about to be deleted is known and not eligible', () => {
    const model = builtModel();
    const spec = { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] };
    model.apply(upsert('Node', nodeObject({ spec })));
    expect(model.node()).toMatchObject({ known: true, eligible: false });
  });

  it('F119: a new node address moves node ports', () => {
    const model = builtModel({ nodePortAddresses: ['primary'] });
    model.apply(upsert('Node', nodeObject({ internal: ['192.0.2.99'] })));
    const { change } = model.build('IPv4');
    expect([change.nodeChanged, summary(change)]).toEqual([true, NOTHING]);
    expect(change.node.nodePortAddresses).toMatchObject({ cidrs: ['192.0.2.99/32'] });
  });

  it('S41: new interface addresses are in the change', () => {
    const model = builtModel();
    model.setInterfaceAddresses([{ interface: 'eth0', family: 'IPv4', address: '192.0.2.10' }]);
    expect(model.hasPending('IPv4')).toBe(true);
    const { change } = model.build('IPv4');
    expect([change.nodeChanged, change.node.nodePortIPs]).toEqual([true, ['192.0.2.10']]);
    expect(model.build('IPv4').change.nodeChanged).toBe(false);
  });

  it('S43: service ranges are in the change', () => {
    const model = builtModel();
    const ranges = { metadata: { name: 'a' }, spec: { cidrs: ['10.96.0.0/16', 'fd00::/112'] } };
    model.apply(upsert('ServiceCIDR', ranges));
    expect(model.build('IPv4').change.node.serviceCIDRs).toEqual(['10.96.0.0/16']);
    model.apply(remove('ServiceCIDR', 'a'));
    expect(model.build('IPv4').change.node.serviceCIDRs).toEqual([]);
  });

  it('F123: other nodes change nothing', () => {
    const model = builtModel();
    model.apply(upsert('Node', nodeObject({ name: 'node-b', zone: 'z1', internal: ['192.0.2.77'] })));
    expect([model.hasPending('IPv4'), model.node().zone]).toEqual([false, null]);
  });

  const hinted = (address: string, zone: string): EndpointShape => ({ address, zones: [zone] });

  it('F122: a zone that the Node object gets later applies at once, to services with hints only', () => {
    const model = builtModel();
    model.apply(service({ name: 'hinted', spec: { clusterIP: '10.96.0.11' } }));
    model.apply(slice([hinted('10.244.1.5', 'z1'), hinted('10.244.2.7', 'z2')], { service: 'hinted' }));
    expect(endpointsOf(model, 'shop/hinted:http/TCP')).toHaveLength(2);
    model.apply(upsert('Node', nodeObject({ zone: 'z2' })));
    const { change } = model.build('IPv4');
    expect(summary(change)).toEqual({ ...NOTHING, changed: ['shop/hinted:http/TCP'] });
    expect(endpointsOf(model, 'shop/hinted:http/TCP')).toEqual(['10.244.2.7']);
  });
});

describe('configuration', () => {
  it('S35: masqueradeAll is applied to every service without a restart', () => {
    const model = builtModel();
    model.configure({ ...TEST_CONFIG, masqueradeAll: true });
    expect(summary(model.build('IPv4').change)).toEqual({ ...NOTHING, changed: [KEY] });
    expect(frontendTexts(model.state('IPv4').servicePorts.get(KEY))).toEqual([
      'cluster-ip 10.96.0.10:80: any → cluster* (S35)',
    ]);
  });

  it('new pod ranges change the detector in process', () => {
    const model = builtModel({ localDetection: { mode: 'NodeCIDR' } });
    expect(model.state('IPv4').node.localDetector).toEqual({ kind: 'none' });
    model.apply(upsert('Node', nodeObject({ spec: { podCIDRs: ['10.244.1.0/24', '10.244.9.0/24'] } })));
    const { change } = model.build('IPv4');
    expect(change.node.localDetector).toEqual({ kind: 'cidrs', cidrs: ['10.244.1.0/24', '10.244.9.0/24'] });
    expect(summary(change)).toEqual({ ...NOTHING, changed: [KEY] });
  });

  it('S13: another node name changes which endpoints are local', () => {
    const model = builtModel();
    model.apply(service({ spec: { internalTrafficPolicy: 'Local' } }));
    model.build('IPv4');
    model.configure({ ...TEST_CONFIG, nodeName: 'node-b' });
    model.build('IPv4');
    expect(frontendTexts(model.state('IPv4').servicePorts.get(KEY))).toEqual([
      'cluster-ip 10.96.0.10:80: any → drop (S16)',
    ]);
  });
});

describe('load balancing', () => {
  const BALANCED = { metadata: { annotations: { 'signalbox.dev/load-balancing': 'maglev' } } };
  const weighted = (weight: string): ReturnType<typeof upsert> => {
    const labels = { 'kubernetes.io/service-name': 'cart' };
    return slice([POD], { metadata: { labels, annotations: { 'signalbox.dev/weight': weight } } });
  };

  it('is changed by the annotation of the Service', () => {
    const model = builtModel();
    expect(model.state('IPv4').servicePorts.get(KEY)?.balancing).toBeNull();
    model.apply(service(BALANCED));
    const [changed] = model.build('IPv4').change.servicePorts.changed;
    expect([changed?.before.balancing, changed?.after.balancing]).toEqual([null, 'maglev']);
    model.apply(service());
    expect(model.build('IPv4').change.servicePorts.changed[0]?.after.balancing).toBeNull();
  });

  it('is changed by the weight of a slice, for each set of endpoints', () => {
    const model = builtModel();
    model.apply(weighted('20'));
    const [changed] = model.build('IPv4').change.servicePorts.changed;
    const endpoint = { address: '10.244.1.5', port: 8080, isLocal: true };
    expect(changed?.before.clusterEndpoints).toEqual([endpoint]);
    expect(changed?.after.clusterEndpoints).toEqual([{ ...endpoint, weight: 20 }]);
    expect(changed?.after.servingEndpoints).toEqual([{ ...endpoint, weight: 20 }]);
  });

  it('is not changed by the weight 1, which every endpoint has', () => {
    const model = builtModel();
    model.apply(weighted('1'));
    expect(summary(model.build('IPv4').change)).toEqual(NOTHING);
  });
});

describe('problems of an object', () => {
  const broken = (value: string): ReturnType<typeof upsert> =>
    service({ metadata: { annotations: { 'signalbox.dev/load-balancing': value } } });
  const valuesOf = (model: Model, event: ReturnType<typeof upsert>): string[] =>
    model.apply(event).map(({ value }) => value);

  it('are returned once, although the object is delivered again', () => {
    const model = builtModel();
    expect(valuesOf(model, broken('fastest'))).toEqual(['"fastest"']);
    expect(valuesOf(model, broken('fastest'))).toEqual([]);
    expect(model.tracked('shop/cart').problems).toHaveLength(1);
  });

  it('are returned again with another value, and after they were solved', () => {
    const model = builtModel();
    expect(valuesOf(model, broken('fastest'))).toEqual(['"fastest"']);
    expect(valuesOf(model, broken('slowest'))).toEqual(['"slowest"']);
    expect(valuesOf(model, service())).toEqual([]);
    expect(valuesOf(model, broken('slowest'))).toEqual(['"slowest"']);
    model.apply(remove('Service', 'cart'));
    expect(valuesOf(model, broken('slowest'))).toEqual(['"slowest"']);
  });
});
