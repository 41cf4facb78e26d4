import { describe, expect, it } from 'vitest';
import {
  cart,
  describeCase,
  HERE,
  LOAD_BALANCER,
  modelOf,
  THERE,
  type DescribedCase,
} from '../testing/described-service.ts';
import { remove, serviceObject, upsert, type ServiceShape } from '../testing/objects.ts';
import { diagnose } from './diagnose.ts';
import type { ServiceDescription } from './service-description.ts';

const problemsOf = ({ problems }: ServiceDescription): string[] =>
  problems.map(({ severity, rule, message }) => `${severity} ${rule ?? '-'} ${message}`);

describe('a Service that is served', () => {
  const served = describeCase({
    service: {
      ...LOAD_BALANCER,
      spec: {
        ...LOAD_BALANCER.spec,
        sessionAffinity: 'ClientIP',
        loadBalancerSourceRanges: ['198.51.100.0/24'],
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 32_000,
      },
    },
  });

  it('has its policies, affinity, source ranges and frontends', () => {
    expect(served).toMatchObject({
      namespace: 'shop',
      name: 'cart',
      found: true,
      type: 'LoadBalancer',
      policies: { internal: 'cluster', external: 'local' },
      affinity: { kind: 'ClientIP', timeoutSeconds: 10_800 },
      sourceRanges: ['198.51.100.0/24'],
      healthCheckNodePort: 32_000,
      node: { name: 'node-a', known: true, zone: 'z1' },
      served: true,
      reason: null,
    });
    expect(served.ports).toHaveLength(1);
    expect(
      served.ports[0]?.frontends.map(({ kind, address, port, outcome, rule, state }) => [
        kind,
        address,
        port,
        outcome,
        rule,
        state,
      ]),
    ).toEqual([
      ['cluster-ip', '10.96.0.10', 80, 'forward', 'S35', 'owned'],
      ['load-balancer', '203.0.113.9', 80, 'forward', 'S22', 'owned'],
      ['node-port', null, 30_080, 'forward', 'S22', 'owned'],
    ]);
  });

  it('S24: notes the source ranges, which do not make it unserved', () => {
    expect(problemsOf(served)).toEqual([
      'note S24 Load-balancer IPs accept connections from 198.51.100.0/24 only',
    ]);
    expect(served.ports[0]?.frontends[1]?.sourceRanges).toEqual(['198.51.100.0/24']);
  });

  it('is plain data: JSON keeps all of it', () => {
    expect(JSON.parse(JSON.stringify(served))).toEqual(served);
  });

  it('has the diagnosis "served"', () => {
    expect(diagnose(served)).toBe('Served: 1 port, 2 endpoints');
  });
});

describe('a Service that is not served, with the reason', () => {
  const label = (name: string): ServiceShape => ({ metadata: { labels: { [name]: 'x' } } });
  const elsewhere = { ...LOAD_BALANCER, spec: { ...LOAD_BALANCER.spec, externalTrafficPolicy: 'Local' } };
  const none = 'error S5 No usable endpoint, connections are rejected: ';
  const rows: readonly (readonly [title: string, of: DescribedCase, problem: string])[] = [
    [
      'S29: the label of another proxy',
      { service: label('service.kubernetes.io/service-proxy-name') },
      'error S29 Not served: the label service.kubernetes.io/service-proxy-name selects another proxy',
    ],
    [
      'F132: headless',
      { service: { spec: { clusterIP: 'None' } } },
      'error F132 Not served: the Service is headless (spec.clusterIP: None); clients connect to pods directly',
    ],
    [
      'F132: ExternalName',
      { service: { spec: { type: 'ExternalName' } } },
      'error F132 Not served: the type is ExternalName, which DNS alone resolves',
    ],
    [
      'F132: no cluster IP yet',
      { service: { spec: { clusterIP: '' } } },
      'error F132 Not served: spec.clusterIP is not allocated yet',
    ],
    [
      'F132: no usable cluster IP',
      { service: { spec: { clusterIP: '10.96.0.999' } } },
      'error F132 Not served: no usable address in spec.clusterIPs',
    ],
    [
      'F132: no usable port',
      { service: { spec: { ports: [{ name: 'http', port: 0 }] } } },
      'error F132 Not served: no usable port in spec.ports',
    ],
    [
      'S5: no slice, as for a selector that matches no pod of a Service without slices',
      { slice: { service: 'other' } },
      `${none}it has no EndpointSlice`,
    ],
    [
      'S5: an empty slice, as for a wrong selector',
      { endpoints: [] },
      `${none}its EndpointSlices have no endpoints: no pod matches spec.selector`,
    ],
    [
      'S12: no endpoint is ready',
      {
        endpoints: [
          { ...HERE, ready: false },
          { ...THERE, ready: false },
        ],
      },
      'error S12 No usable endpoint, connections are rejected: none of its 2 endpoints is ready',
    ],
    [
      'F131: no slice port has the name',
      { slice: { ports: [{ name: 'web', port: 8080 }] } },
      'error F131 No usable endpoint, connections are rejected: no EndpointSlice has a port http (TCP); their ports: web (TCP)',
    ],
    [
      'S29: the headless label',
      { service: label('service.kubernetes.io/headless') },
      'error S29 No usable endpoint, connections are rejected: it has the label service.kubernetes.io/headless',
    ],
    [
      'S16: internalTrafficPolicy Local, and endpoints on another node',
      { service: { spec: { internalTrafficPolicy: 'Local' } }, endpoints: [THERE] },
      'error S16 No endpoint on this node, and internalTrafficPolicy is Local: packets to cluster-ip 10.96.0.10:80/TCP are dropped; endpoints run on node-b',
    ],
    [
      'S22: externalTrafficPolicy Local, and endpoints on another node',
      { service: elsewhere, endpoints: [THERE] },
      'error S22 No endpoint on this node, and externalTrafficPolicy is Local: packets to load-balancer 203.0.113.9:80/TCP, node-port 30080/TCP are dropped; endpoints run on node-b',
    ],
    [
      'S17: external IPs that are disabled',
      { service: { spec: { externalIPs: ['203.0.113.50'] } }, config: { externalIPs: false } },
      'error S17 spec.externalIPs: 203.0.113.50 not programmed: external IPs are disabled',
    ],
    [
      'an invalid field that removes a frontend',
      { service: { spec: { externalIPs: ['203.0.113.999'] } } },
      'error - spec.externalIPs[0]: invalid value "203.0.113.999": must be an IP address',
    ],
  ];
  it.each(rows)('%s', (_, of, problem) => {
    const description = describeCase(of);
    expect(problemsOf(description)[0]).toBe(problem);
    expect(description).toMatchObject({
      found: true,
      served: false,
      reason: problem.split(' ').slice(2).join(' '),
    });
    expect(diagnose(description)).toBe(description.reason);
  });

  it('S28: names the Service that has the address, and describes the frontend as lost', () => {
    const model = modelOf({ service: { metadata: { creationTimestamp: '2026-02-01T00:00:00Z' } } });
    const metadata = { creationTimestamp: '2026-01-01T00:00:00Z' };
    model.apply(upsert('Service', serviceObject({ name: 'older', metadata })));
    const description = cart(model);
    expect(description.ports[0]?.frontends).toMatchObject([{ state: 'lost', lostTo: 'shop/older:http/TCP' }]);
    expect(description.problems).toEqual([
      {
        severity: 'error',
        rule: 'S28',
        message:
          'cluster-ip 10.96.0.10:80/TCP is already used by Service shop/older, which is older or first by name',
        servicePort: 'shop/cart:http/TCP',
        family: 'IPv4',
        blames: 'shop/older',
      },
    ]);
    model.apply(remove('Service', 'older'));
    expect(cart(model).served).toBe(true);
  });

  it('does not exist: is not found', () => {
    const model = modelOf({});
    model.apply(remove('Service', 'cart'));
    expect(cart(model)).toMatchObject({
      found: false,
      ports: [],
      reason: 'Service shop/cart is not known: it does not exist, is headless, or is served by another proxy',
    });
  });
});

describe('a problem that does not keep a Service from being served', () => {
  const local = { ...LOAD_BALANCER, spec: { ...LOAD_BALANCER.spec, externalTrafficPolicy: 'Local' } };
  const rows: readonly (readonly [title: string, of: DescribedCase, problem: string])[] = [
    [
      'an invalid field with a default',
      { service: { spec: { sessionAffinity: 'Cookie' } } },
      'warning - spec.sessionAffinity: invalid value "Cookie": must be None or ClientIP: None is used',
    ],
    [
      'an invalid address in a slice',
      { endpoints: [HERE, { address: '10.0.0.999' }] },
      'warning - EndpointSlice shop/cart-1 endpoints[1].addresses[0]: invalid value "10.0.0.999": must be an IPv4 address',
    ],
    [
      'S36: no local detector, with externalTrafficPolicy Local',
      { service: local, config: { localDetection: { mode: 'NodeCIDR' } } },
      'warning S36 No local detector for IPv4: with externalTrafficPolicy Local, pods of this node are treated as clients from outside',
    ],
    [
      'S10: hints on a node that is not known',
      { endpoints: [{ ...HERE, zones: ['z1'] }], config: { nodeName: 'node-x' } },
      'note S10 Topology hints for zones are ignored: the Node object of this node is not known',
    ],
  ];
  it.each(rows)('%s', (_, of, problem) => {
    const description = describeCase(of);
    expect([problemsOf(description), description.served]).toEqual([[problem], true]);
  });
});

describe('the two families', () => {
  const dual = { service: { spec: { clusterIPs: ['10.96.0.10', 'fd00::10'] } } };

  it('S51: with endpoints in one family only, the other family is not served', () => {
    const description = describeCase(dual);
    expect(description.families).toEqual([
      { family: 'IPv4', served: true, reason: null },
      {
        family: 'IPv6',
        served: false,
        reason: 'No usable endpoint, connections are rejected: it has no IPv6 EndpointSlice',
      },
    ]);
    expect(description.ports.map(({ family, served }) => [family, served])).toEqual([
      ['IPv4', true],
      ['IPv6', false],
    ]);
  });

  it('a family without a ClusterIP has the reason, and the Service is served', () => {
    const description = describeCase({});
    expect(description.served).toBe(true);
    expect(description.families[1]).toEqual({
      family: 'IPv6',
      served: false,
      reason: 'the Service has no IPv6 ClusterIP',
    });
  });

  it('a family that the node does not serve is a warning, and has no ports', () => {
    const description = describeCase({ ...dual, families: ['IPv4'] });
    expect(description.ports.map(({ family }) => family)).toEqual(['IPv4']);
    expect(problemsOf(description)).toEqual([
      'warning S51 This node does not serve IPv6: fd00::10 is not programmed',
    ]);
  });
});

describe('diagnose with the state of the kernel', () => {
  const served = describeCase({});
  const key = 'shop/cart:http/TCP';

  it('names refused objects before any other problem', () => {
    const error = {
      code: 'rejected',
      operation: 'nft',
      message: 'No such file',
      kernel: 'unchanged',
    } as const;
    const broken = describeCase({ endpoints: [] });
    expect(diagnose(broken, { failures: [{ key, error }] })).toBe(
      'Failed to program shop/cart:http/TCP: nft: No such file',
    );
  });

  it('names a missing object, and ignores those of other service ports', () => {
    const chain = (state: 'held' | 'missing') => ({ type: 'chain', name: 'KUBE-SVC-A', state });
    const servicePorts = (of: string, state: 'held' | 'missing') =>
      new Map([[of, { objects: [chain(state)] }]]);
    expect(diagnose(served, { servicePorts: servicePorts(key, 'missing') })).toBe(
      'The kernel does not hold what was programmed: chain KUBE-SVC-A is missing',
    );
    expect(diagnose(served, { servicePorts: servicePorts(key, 'held') })).toMatch('Served');
    expect(diagnose(served, { servicePorts: servicePorts('a/b:/TCP', 'missing') })).toMatch('Served');
  });
});

describe('the list of Services', () => {
  it('also contains ignored Services, until they are deleted', () => {
    const model = modelOf({});
    model.apply(upsert('Service', serviceObject({ name: 'db', spec: { clusterIP: 'None' } })));
    expect([...model.services()].sort()).toEqual(['shop/cart', 'shop/db']);
    model.apply(remove('Service', 'db'));
    expect([...model.services()]).toEqual(['shop/cart']);
  });

  it('contains a Service that was ignored and is now served only once, without its former problems', () => {
    const model = modelOf({ service: { spec: { clusterIP: '10.96.0.999' } } });
    model.apply(upsert('Service', serviceObject()));
    expect([...model.services()]).toEqual(['shop/cart']);
    expect(cart(model).problems).toEqual([]);
  });
});
