import { describe, expect, it } from 'vitest';
import type { Family } from '../model/family.ts';
import { frontendTexts } from '../testing/frontends.ts';
import { nodeObject, serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import type { EndpointShape, ServiceShape } from '../testing/objects.ts';
import type { ModelConfig } from '../model/model-config.ts';
import { createModel } from '../track/model.ts';
import type { DesiredServicePort, DesiredState } from './desired-state.ts';

const KEY = 'shop/cart:http/TCP';
const HERE: EndpointShape = { address: '10.244.1.5', node: 'node-a' };
const THERE: EndpointShape = { address: '10.244.2.7', node: 'node-b' };
const ENDING: EndpointShape = { ...HERE, ready: false, serving: true, terminating: true };
const NO_DETECTOR: Partial<ModelConfig> = { localDetection: { mode: 'ClusterCIDR', cidrs: [] } };

interface Setup {
  readonly service: ServiceShape;
  readonly endpoints: readonly EndpointShape[];
  readonly config?: Partial<ModelConfig>;
  readonly family?: Family;
}

function stateOf({ service, endpoints, config = {}, family = 'IPv4' }: Setup): DesiredState {
  const model = createModel({ ...TEST_CONFIG, ...config });
  model.apply(upsert('Node', nodeObject()));
  model.apply(upsert('Service', serviceObject(service)));
  model.apply(upsert('EndpointSlice', sliceObject(endpoints)));
  return model.build(family).state;
}

function servicePort(setup: Setup): DesiredServicePort | undefined {
  return stateOf(setup).servicePorts.get(KEY);
}

const EVERYTHING: ServiceShape = {
  spec: {
    type: 'LoadBalancer',
    externalIPs: ['203.0.113.50'],
    ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
  },
  ingress: [{ ip: '203.0.113.9' }],
};

function everything(spec: object): ServiceShape {
  return { ...EVERYTHING, spec: { ...EVERYTHING.spec, ...spec } };
}

const external = (routes: string): string[] => [
  `external-ip 203.0.113.50:80: ${routes}`,
  `load-balancer 203.0.113.9:80: ${routes}`,
  `node-port 30080: ${routes}`,
];
const CLUSTER_IP = 'cluster-ip 10.96.0.10:80: local-pods → cluster (S35), any → cluster* (S35)';
const FROM_HERE = 'local-pods → cluster (S22), node → cluster* (S22)';

const ROWS: readonly (Setup & { readonly title: string; readonly frontends: readonly string[] })[] = [
  {
    title: 'S15: a cluster IP leads to the cluster set',
    service: {},
    endpoints: [THERE],
    config: NO_DETECTOR,
    frontends: ['cluster-ip 10.96.0.10:80: any → cluster (S15)'],
  },
  {
    title: 'S15: or to the local set if ITP=Local',
    service: { spec: { internalTrafficPolicy: 'Local' } },
    endpoints: [HERE, THERE],
    config: NO_DETECTOR,
    frontends: ['cluster-ip 10.96.0.10:80: any → local (S15)'],
  },
  {
    title: 'S16: ITP=Local without a local endpoint is silence',
    service: { spec: { internalTrafficPolicy: 'Local' } },
    endpoints: [THERE],
    frontends: ['cluster-ip 10.96.0.10:80: any → drop (S16)'],
  },
  {
    title: 'S7: ITP=Local uses a local endpoint that terminates before it drops',
    service: { spec: { internalTrafficPolicy: 'Local' } },
    endpoints: [ENDING, THERE],
    config: NO_DETECTOR,
    frontends: ['cluster-ip 10.96.0.10:80: any → local (S15)'],
  },
  {
    title: 'S35: not masqueraded from local pods, masqueraded from others',
    service: {},
    endpoints: [HERE],
    frontends: [CLUSTER_IP],
  },
  {
    title: 'S35: masqueradeAll masquerades traffic from every source',
    service: {},
    endpoints: [HERE],
    config: { masqueradeAll: true },
    frontends: ['cluster-ip 10.96.0.10:80: any → cluster* (S35)'],
  },
  {
    title: 'S21: ETP=Cluster masquerades all external traffic, to the cluster set',
    service: EVERYTHING,
    endpoints: [HERE, THERE],
    frontends: [CLUSTER_IP, ...external('any → cluster* (S21)')],
  },
  {
    title: 'S22: ETP=Local: pods and the node go anywhere, others to the local set',
    service: everything({ externalTrafficPolicy: 'Local' }),
    endpoints: [HERE, THERE],
    frontends: [CLUSTER_IP, ...external(`${FROM_HERE}, any → local (S22)`)],
  },
  {
    title: 'S22: ETP=Local without a local endpoint drops external clients',
    service: everything({ externalTrafficPolicy: 'Local' }),
    endpoints: [THERE],
    frontends: [CLUSTER_IP, ...external(`${FROM_HERE}, any → drop (S22)`)],
  },
  {
    title: 'S22: without a detector pods count as external clients',
    service: everything({ externalTrafficPolicy: 'Local' }),
    endpoints: [HERE],
    config: NO_DETECTOR,
    frontends: [
      'cluster-ip 10.96.0.10:80: any → cluster (S15)',
      ...external('node → cluster* (S22), any → local (S22)'),
    ],
  },
  {
    title: 'S23: no usable endpoint anywhere: every frontend refuses',
    service: everything({ externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' }),
    endpoints: [{ ...HERE, ready: false }],
    frontends: ['cluster-ip 10.96.0.10:80: any → reject (S23)', ...external('any → reject (S23)')],
  },
  {
    title: 'S17: external IPs are left out if the gate is off; S3: they open nothing then',
    service: { spec: { externalIPs: ['203.0.113.50'], externalTrafficPolicy: 'Local' } },
    endpoints: [HERE],
    config: { externalIPs: false },
    frontends: [CLUSTER_IP],
  },
  {
    title: 'S51: a family without endpoints refuses while the other works',
    service: {
      spec: { clusterIPs: ['10.96.0.10', 'fd00::a'], ipFamilies: ['IPv4', 'IPv6'] },
    },
    endpoints: [HERE],
    family: 'IPv6',
    frontends: ['cluster-ip fd00::a:80: any → reject (S23)'],
  },
  {
    title: 'F132: a service without an address of the family has no frontends in it',
    service: EVERYTHING,
    endpoints: [HERE],
    family: 'IPv6',
    frontends: [],
  },
  {
    title: 'S29: a service labelled as headless has no endpoints and refuses',
    service: { metadata: { labels: { 'service.kubernetes.io/headless': '' } } },
    endpoints: [HERE],
    frontends: ['cluster-ip 10.96.0.10:80: any → reject (S23)'],
  },
];

describe('frontends and their routes', () => {
  for (const { title, frontends, ...setup } of ROWS) {
    it(title, () => {
      expect(frontendTexts(servicePort(setup))).toEqual(frontends);
    });
  }

  it('S22: equal decisions share one frozen array', () => {
    const setup = { service: everything({ externalTrafficPolicy: 'Local' }), endpoints: [HERE] };
    const [one, other] = [servicePort(setup), servicePort(setup)];
    expect(one?.frontends[1]?.routes).toBe(other?.frontends[3]?.routes);
    expect(Object.isFrozen(one?.frontends[1]?.routes)).toBe(true);
  });

  it('S4: ITP=Local with external ETP=Cluster keeps both sets', () => {
    const setup = { service: everything({ internalTrafficPolicy: 'Local' }), endpoints: [HERE, THERE] };
    const { clusterEndpoints, localEndpoints } = servicePort(setup) ?? {};
    expect([clusterEndpoints?.length, localEndpoints?.length]).toEqual([2, 1]);
  });

  it('S3: ITP=Local alone needs the local set only', () => {
    const setup = { service: { spec: { internalTrafficPolicy: 'Local' } }, endpoints: [HERE, THERE] };
    const { clusterEndpoints, localEndpoints } = servicePort(setup) ?? {};
    expect([clusterEndpoints?.length, localEndpoints?.length]).toEqual([0, 1]);
  });
});

describe('which sets a service port needs', () => {
  it('S4: a service port with ETP=Local that is not externally accessible needs no local set', () => {
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
    const found = servicePort({ service: { spec }, endpoints: [HERE, THERE] });
    expect([found?.clusterEndpoints.length, found?.localEndpoints.length]).toEqual([2, 0]);
  });
});

describe('source ranges', () => {
  const ranges = (list: readonly string[], config: Partial<ModelConfig> = {}): unknown => {
    const service = everything({ loadBalancerSourceRanges: list });
    const found = servicePort({ service, endpoints: [HERE], config })?.frontends;
    return found?.map((frontend) => ('sourceRanges' in frontend ? frontend.sourceRanges : 'none'));
  };

  it('S24: stand on load-balancer frontends alone', () => {
    const own = { cidrs: ['198.51.100.0/24'], alsoAddresses: [] };
    expect(ranges(['198.51.100.0/24'])).toEqual(['none', 'none', own, 'none']);
  });

  it('S24: that hold the node allow the VIPs themselves', () => {
    const own = { cidrs: ['192.0.2.0/24'], alsoAddresses: ['203.0.113.9'] };
    expect(ranges(['192.0.2.0/24'])).toEqual(['none', 'none', own, 'none']);
  });

  it('S24: allow no VIP while the address of the node is unknown', () => {
    const model = createModel(TEST_CONFIG);
    const service = everything({ loadBalancerSourceRanges: ['192.0.2.0/24'] });
    model.apply(upsert('Service', serviceObject(service)));
    const port = model.build('IPv4').state.servicePorts.get(KEY);
    const balancer = port?.frontends.find(({ kind }) => kind === 'load-balancer');
    expect(balancer).toMatchObject({ sourceRanges: { cidrs: ['192.0.2.0/24'], alsoAddresses: [] } });
  });

  it('F118: the override counts as the address of the node', () => {
    const own = { cidrs: ['192.0.2.0/24'], alsoAddresses: [] };
    expect(ranges(['192.0.2.0/24'], { nodeIPOverride: '198.51.100.1' })).toContainEqual(own);
  });

  it('S24: that allow every source are null', () => {
    expect(ranges(['0.0.0.0/0'])).toEqual(['none', 'none', null, 'none']);
  });
});

describe('health checks', () => {
  const service = everything({ externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 });

  it('F145: count distinct ready local addresses', () => {
    const endpoints = [HERE, THERE, ENDING, { ...HERE, address: '10.244.1.6', ready: false }];
    expect([...stateOf({ service, endpoints }).healthChecks.values()]).toEqual([
      { key: 'shop/cart', namespace: 'shop', name: 'cart', port: 31_000, localEndpoints: 1 },
    ]);
  });

  it('F145: a serving endpoint that terminates does not count', () => {
    const { healthChecks } = stateOf({ service, endpoints: [ENDING] });
    expect(healthChecks.get('shop/cart')?.localEndpoints).toBe(0);
  });

  it('F145: endpoints of ports that the Service does not have do not count', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(upsert('Service', serviceObject(service)));
    model.apply(upsert('EndpointSlice', sliceObject([HERE], { ports: [{ name: 'renamed', port: 80 }] })));
    expect(model.build('IPv4').state.healthChecks.get('shop/cart')?.localEndpoints).toBe(0);
  });

  it('F145: one address on two ports counts once', () => {
    const model = createModel(TEST_CONFIG);
    const ports = [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ];
    model.apply(upsert('Service', serviceObject({ spec: { ...service.spec, ports } })));
    model.apply(upsert('EndpointSlice', sliceObject([HERE], { ports })));
    expect(model.build('IPv4').state.healthChecks.get('shop/cart')?.localEndpoints).toBe(1);
  });
});

describe('counts', () => {
  it('S52: add endpoints over service ports, F157: and those that drop', () => {
    const model = createModel(TEST_CONFIG);
    const local = everything({ externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' });
    model.apply(upsert('Service', serviceObject(local)));
    model.apply(upsert('Service', serviceObject({ name: 'other', spec: { clusterIP: '10.96.0.11' } })));
    model.apply(upsert('EndpointSlice', sliceObject([THERE])));
    model.apply(upsert('EndpointSlice', sliceObject([HERE, THERE], { service: 'other' })));
    expect(model.build('IPv4').change.counts).toEqual({
      servicePorts: 2,
      endpoints: 3,
      noLocalEndpointsInternal: 1,
      noLocalEndpointsExternal: 1,
    });
  });

  it('F157: a service port that is not externally accessible is not counted', () => {
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
    expect(stateOf({ service: { spec }, endpoints: [THERE] }).counts.noLocalEndpointsExternal).toBe(0);
    const reachable = everything({ externalTrafficPolicy: 'Local' });
    expect(stateOf({ service: reachable, endpoints: [THERE] }).counts.noLocalEndpointsExternal).toBe(1);
  });
});

describe('session affinity', () => {
  it('S30: belongs to the service port', () => {
    const service = { spec: { sessionAffinity: 'ClientIP' } };
    expect(servicePort({ service, endpoints: [HERE] })?.affinity).toEqual({ timeoutSeconds: 10_800 });
  });
});
