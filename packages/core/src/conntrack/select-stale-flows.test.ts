import { describe, expect, it } from 'vitest';
import { fullChange } from '../desired/desired-change.ts';
import { remove, serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import type { EndpointShape } from '../testing/objects.ts';
import type { Model } from '../track/model-types.ts';
import { createModel } from '../track/model.ts';
import type { Flow } from './flow.ts';
import {
  formerServicePorts,
  mayLeaveStaleFlows,
  selectStaleFlows,
  wholeState,
} from './select-stale-flows.ts';

const CLIENT = '198.51.100.7';
const NODE = '192.0.2.10';
const A: EndpointShape = { address: '10.244.1.5', node: 'node-a' };
const B: EndpointShape = { address: '10.244.2.7', node: 'node-b' };
const DNS_PORT = { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30_053 };
const SLICE = { ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }] };
const TCP = 6;
const UDP = 17;
const SCTP = 132;

type At = readonly [address: string, port: number];

const VIP: At = ['10.96.0.10', 53];
const AT_A: At = ['10.244.1.5', 5353];
const AT_B: At = ['10.244.2.7', 5353];

/** A flow of CLIENT to `to`, answered by `by`. */
function flow(to: At, by: At, protocol = UDP): Flow {
  return {
    protocol,
    original: { source: CLIENT, sourcePort: 40_000, destination: to[0], destinationPort: to[1] },
    reply: { source: by[0], sourcePort: by[1], destination: CLIENT, destinationPort: 40_000 },
  };
}

function service(spec: object = {}): ReturnType<typeof upsert> {
  const ports = [DNS_PORT];
  return upsert(
    'Service',
    serviceObject({
      spec: { type: 'LoadBalancer', externalIPs: ['203.0.113.50'], ports, ...spec },
      ingress: [{ ip: '203.0.113.9' }],
    }),
  );
}

function slice(...endpoints: EndpointShape[]): ReturnType<typeof upsert> {
  return upsert('EndpointSlice', sliceObject(endpoints, SLICE));
}

function built(...endpoints: EndpointShape[]): Model {
  const model = createModel(TEST_CONFIG);
  model.setInterfaceAddresses([{ interface: 'eth0', family: 'IPv4', address: NODE }]);
  model.apply(service());
  model.apply(slice(...endpoints));
  model.build('IPv4');
  return model;
}

/** Indexes of the flows that are stale after the changes that `model` applied since its last build. */
function stale(model: Model, flows: readonly Flow[]): number[] {
  const { change, state } = model.build('IPv4');
  return selectStaleFlows(change, state, flows).map((found) => flows.indexOf(found));
}

describe('selectStaleFlows', () => {
  it('S46: an endpoint that is gone loses its flows on every frontend, others keep their flows', () => {
    const model = built(A, B);
    model.apply(slice(B));
    const frontends: readonly At[] = [VIP, ['203.0.113.50', 53], ['203.0.113.9', 53], [NODE, 30_053]];
    const flows = frontends.flatMap((to) => [flow(to, AT_A), flow(to, AT_B)]);
    expect(stale(model, flows)).toEqual([0, 2, 4, 6]);
  });

  it('S46: an endpoint that terminates but serves keeps its flows', () => {
    const model = built(A, B);
    model.apply(slice({ ...A, ready: false, serving: true, terminating: true }, B));
    expect(stale(model, [flow(VIP, AT_A)])).toEqual([]);
  });

  it('S46: one that does not serve any more loses them', () => {
    const model = built(A, B);
    model.apply(slice({ ...A, ready: false, serving: false }, B));
    expect(stale(model, [flow(VIP, AT_A), flow(VIP, AT_B)])).toEqual([0]);
  });

  it('S46: flows to any serving endpoint are kept, local or not, chosen or not', () => {
    const model = built(A);
    model.apply(service({ externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' }));
    model.apply(slice(A, B));
    expect(stale(model, [flow(VIP, AT_B)])).toEqual([]);
  });

  it('S46: the answering port counts too', () => {
    const model = built(A);
    const ports = [{ name: 'dns', port: 5454, protocol: 'UDP' }];
    model.apply(upsert('EndpointSlice', sliceObject([A], { ports })));
    expect(stale(model, [flow(VIP, AT_A), flow(VIP, [A.address, 5454])])).toEqual([0]);
  });

  it('S47: without a serving endpoint every flow is stale', () => {
    const model = built(A);
    model.apply(slice());
    expect(stale(model, [flow(VIP, AT_A)])).toEqual([0]);
  });

  it('a deleted service leaves no flows', () => {
    const model = built(A);
    model.apply(remove('Service', 'cart'));
    expect(stale(model, [flow(VIP, AT_A), flow([NODE, 30_053], AT_A)])).toEqual([0, 1]);
  });

  it('a port that changed leaves no flows on the old number', () => {
    const model = built(A);
    model.apply(service({ ports: [{ ...DNS_PORT, port: 54, nodePort: 30_054 }] }));
    const flows = [flow(VIP, AT_A), flow(['10.96.0.10', 54], AT_A), flow([NODE, 30_053], AT_A)];
    expect(stale(model, flows)).toEqual([0, 2]);
  });

  it('flows of an address that passed to another service are checked against its endpoints', () => {
    const model = built(A);
    model.apply(remove('Service', 'cart'));
    model.apply(upsert('Service', serviceObject({ name: 'new', spec: { ports: [DNS_PORT] } })));
    model.apply(upsert('EndpointSlice', sliceObject([B], { ...SLICE, service: 'new' })));
    expect(stale(model, [flow(VIP, AT_A), flow(VIP, AT_B)])).toEqual([0]);
  });

  it('S46: a flow older than the first endpoint was never redirected and is stale', () => {
    const model = built();
    model.apply(slice(A));
    expect(stale(model, [flow(VIP, VIP), flow([NODE, 30_053], [NODE, 30_053])])).toEqual([0, 1]);
  });

  it('a restart deletes no flow to a serving endpoint', () => {
    const model = built(A, B);
    const flows = [flow(VIP, AT_A), flow(VIP, AT_B), flow([NODE, 30_053], AT_B)];
    const { change, state } = model.rebuild('IPv4');
    expect(change.kind).toBe('full');
    expect(selectStaleFlows(change, state, flows)).toEqual([]);
    expect(selectStaleFlows(fullChange(state), state, [flow(VIP, ['10.244.9.9', 5353])])).toHaveLength(1);
  });

  it('a host’s own port that equals a node port is not modified', () => {
    const model = built(A);
    model.apply(slice(B));
    const elsewhere: At = ['198.51.100.99', 30_053];
    expect(stale(model, [flow(elsewhere, elsewhere)])).toEqual([]);
  });

  it('a flow to an endpoint of a node port is selected whatever the address', () => {
    const model = built(A);
    model.apply(slice(B));
    expect(stale(model, [flow(['192.0.2.99', 30_053], AT_A)])).toEqual([0]);
  });

  describe('a flow to another service whose port equals a node port', () => {
    const OTHER: At = ['10.96.0.2', 30_053];

    /** `built(A)` and a service `other` on OTHER, with the same endpoint. */
    function withOther(protocol = 'UDP', spec: object = {}): Model {
      const model = built(A);
      const ports = [{ name: 'dns', port: 30_053, protocol }];
      model.apply(service({ ports: [{ ...DNS_PORT, protocol }] }));
      model.apply(
        upsert('Service', serviceObject({ name: 'other', spec: { clusterIP: OTHER[0], ports, ...spec } })),
      );
      const own = [{ name: 'dns', port: 5353, protocol }];
      model.apply(upsert('EndpointSlice', sliceObject([A], { ports: own })));
      model.apply(upsert('EndpointSlice', sliceObject([A], { ports: own, service: 'other' })));
      model.build('IPv4');
      return model;
    }

    it('S46: is checked against that service alone: an endpoint may be removed from one and serve the other', () => {
      const model = withOther();
      model.apply(slice(B));
      expect(stale(model, [flow(OTHER, AT_A), flow([NODE, 30_053], AT_A)])).toEqual([1]);
    });

    it('S48: is kept when the service of the node port is deleted', () => {
      const model = withOther('SCTP');
      model.apply(remove('Service', 'cart'));
      expect(stale(model, [flow(OTHER, AT_A, SCTP), flow([NODE, 30_053], AT_A, SCTP)])).toEqual([1]);
    });

    it('S46: an address of this node may be such a service, too', () => {
      const model = withOther('UDP', { externalIPs: [NODE] });
      model.apply(slice(B));
      expect(stale(model, [flow([NODE, 30_053], AT_A)])).toEqual([]);
    });

    it('S46: another protocol is another frontend', () => {
      const model = withOther('UDP', { externalIPs: [NODE] });
      model.apply(service({ ports: [{ ...DNS_PORT, protocol: 'SCTP' }] }));
      model.build('IPv4');
      model.apply(remove('Service', 'cart'));
      expect(stale(model, [flow([NODE, 30_053], AT_A), flow([NODE, 30_053], AT_A, SCTP)])).toEqual([1]);
    });

    it('is stale once that service is gone', () => {
      const model = withOther();
      model.apply(remove('Service', 'other'));
      expect(stale(model, [flow(OTHER, AT_A)])).toEqual([0]);
    });
  });

  it('keeps flows that another program redirected, and flows that went to a pod directly', () => {
    const model = built(A);
    const ports = [{ name: 'dns', port: 30_053, protocol: 'UDP' }];
    model.apply(upsert('EndpointSlice', sliceObject([A], { ports })));
    model.build('IPv4');
    model.apply(remove('Service', 'cart'));
    const pod: At = [A.address, 30_053];
    expect(stale(model, [flow(['198.51.100.99', 30_053], ['10.88.0.2', 53]), flow(pod, pod)])).toEqual([]);
  });

  it('S48: TCP flows are never touched', () => {
    const model = built(A);
    model.apply(slice());
    expect(stale(model, [flow(VIP, AT_A, TCP), flow(VIP, VIP, TCP)])).toEqual([]);
  });

  it('S48: for SCTP, flows to removed frontends and flows never redirected are stale, not those to failing endpoints', () => {
    const model = built(A);
    const ports = [{ name: 'dns', port: 53, protocol: 'SCTP' }];
    model.apply(service({ ports }));
    model.apply(upsert('EndpointSlice', sliceObject([A], { ports: [{ ...ports[0], port: 5353 }] })));
    expect(stale(model, [flow(VIP, AT_A, SCTP), flow(VIP, VIP, SCTP)])).toEqual([1]);
    model.apply(slice());
    expect(stale(model, [flow(VIP, AT_A, SCTP)])).toEqual([]);
    model.apply(remove('Service', 'cart'));
    expect(stale(model, [flow(VIP, AT_A, SCTP), flow(VIP, AT_A, TCP)])).toEqual([0]);
  });

  it('S48: one port under two protocols is two frontends', () => {
    const model = built(A);
    model.apply(service({ ports: [DNS_PORT, { name: 'sctp', port: 53, protocol: 'SCTP' }] }));
    model.build('IPv4');
    model.apply(service({ ports: [DNS_PORT] }));
    expect(stale(model, [flow(VIP, AT_A, UDP), flow(VIP, AT_A, SCTP)])).toEqual([1]);
  });

  it('S44: services that did not change keep their flows, even stale ones', () => {
    const model = built(A);
    model.apply(upsert('Service', serviceObject({ name: 'other', spec: { clusterIP: '10.96.0.99' } })));
    expect(stale(model, [flow(VIP, ['10.244.9.9', 5353])])).toEqual([]);
  });

  it('S49: returns the very objects of the listing', () => {
    const model = built(A);
    model.apply(slice());
    const listed = { ...flow(VIP, AT_A), id: 7 };
    const { change, state } = model.build('IPv4');
    expect(selectStaleFlows(change, state, [listed])[0]).toBe(listed);
  });
});

describe('wholeState', () => {
  it('S44 S46: with nothing changed, finds flows that began while rules were missing', () => {
    const model = built(A);
    const { state } = model.build('IPv4');
    const flows = [flow(VIP, VIP), flow(VIP, AT_A), flow(VIP, VIP, SCTP), flow(VIP, VIP, TCP)];
    const found = selectStaleFlows(wholeState(state, []), state, flows);
    expect(found.map((each) => flows.indexOf(each))).toEqual([0]);
  });

  it('S47: a frontend removed in several steps is gone, unless another service has it now', () => {
    const model = built(A);
    const former = [];
    model.apply(slice(B));
    former.push(...formerServicePorts(model.build('IPv4').change));
    model.apply(remove('Service', 'cart'));
    former.push(...formerServicePorts(model.build('IPv4').change));
    const ports = [{ ...DNS_PORT, nodePort: 0 }];
    model.apply(upsert('Service', serviceObject({ name: 'new', spec: { ports } })));
    model.apply(upsert('EndpointSlice', sliceObject([B], { ...SLICE, service: 'new' })));
    const { state } = model.build('IPv4');
    const flows = [
      flow(VIP, AT_A),
      flow(VIP, AT_B),
      flow([NODE, 30_053], AT_B),
      flow(['192.0.2.99', 30_053], AT_A),
    ];
    const found = selectStaleFlows(wholeState(state, former), state, flows);
    expect(found.map((each) => flows.indexOf(each))).toEqual([0, 2, 3]);
  });
});

describe('mayLeaveStaleFlows', () => {
  it('S44: only a change with a UDP port requires a listing', () => {
    const model = built(A);
    expect(mayLeaveStaleFlows(model.build('IPv4').change)).toBe(false);
    model.apply(upsert('Service', serviceObject({ name: 'web', spec: { clusterIP: '10.96.0.99' } })));
    expect(mayLeaveStaleFlows(model.build('IPv4').change)).toBe(false);
    model.apply(slice(B));
    expect(mayLeaveStaleFlows(model.build('IPv4').change)).toBe(true);
    model.apply(remove('Service', 'cart'));
    expect(mayLeaveStaleFlows(model.build('IPv4').change)).toBe(true);
  });
});
