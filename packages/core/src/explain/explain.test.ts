import { describe, expect, it } from 'vitest';
import type { DesiredState } from '../desired/desired-state.ts';
import type { Family } from '../model/family.ts';
import { nodeObject, serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import type { ModelConfig } from '../model/model-config.ts';
import { createModel } from '../track/model.ts';
import { explain, type Explanation } from './explain.ts';
import type { Outcome, Packet } from './packet.ts';

const HOST = { addresses: ['127.0.0.1', '::1', '192.0.2.10', '192.0.2.11', '2001:db8::10'] };
const POD = '10.244.1.9';
const OUTSIDE = '198.51.100.7';
const NODE = '192.0.2.10';

/** Two endpoints, one here, on every kind of frontend. */
function state(spec: object = {}, config: Partial<ModelConfig> = {}, family: Family = 'IPv4'): DesiredState {
  const model = createModel({ ...TEST_CONFIG, ...config });
  const service = serviceObject({
    spec: {
      type: 'LoadBalancer',
      externalIPs: ['203.0.113.50'],
      ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
      ...spec,
    },
    ingress: [{ ip: '203.0.113.9' }],
  });
  const endpoints = [
    { address: '10.244.1.5', node: 'node-a' },
    { address: '10.244.2.7', node: 'node-b' },
  ];
  model.apply(upsert('Node', nodeObject()));
  model.apply(upsert('ServiceCIDR', { metadata: { name: 'a' }, spec: { cidrs: ['10.96.0.0/16'] } }));
  model.apply(upsert('Service', service));
  model.apply(upsert('EndpointSlice', sliceObject(endpoints)));
  return model.build(family).state;
}

interface Shot {
  readonly from: string;
  readonly to: string;
  readonly port?: number;
  /** Interface it comes in through; null: the node sends it. */
  readonly through?: string | null;
  readonly protocol?: Packet['protocol'];
}

function shoot(on: DesiredState, shot: Shot): Explanation {
  const { from, to, port = 80, through = 'eth0', protocol = 'TCP' } = shot;
  const packet: Packet = {
    protocol,
    source: from,
    inInterface: through,
    destination: to,
    destinationPort: port,
  };
  return explain(on, packet, HOST);
}

function text(outcome: Outcome): string {
  if (outcome.kind !== 'forward') return outcome.kind;
  return outcome.destinations
    .map(({ address, masquerade }) => `${address}${masquerade ? '*' : ''}`)
    .join(' ');
}

const BOTH = '10.244.1.5 10.244.2.7';
const BOTH_MASQUERADED = '10.244.1.5* 10.244.2.7*';
const LOCAL_POLICY = { externalTrafficPolicy: 'Local' };

const ROWS: readonly (readonly [
  title: string,
  on: DesiredState,
  shot: Shot,
  outcome: string,
  rule: string,
])[] = [
  ['S35: a local pod keeps its source', state(), { from: POD, to: '10.96.0.10' }, BOTH, 'S35'],
  ['S35: others are masqueraded', state(), { from: OUTSIDE, to: '10.96.0.10' }, BOTH_MASQUERADED, 'S35'],
  [
    'S42: external clients reach a cluster IP',
    state(),
    { from: OUTSIDE, to: '10.96.0.10' },
    BOTH_MASQUERADED,
    'S35',
  ],
  ['S21: an external IP', state(), { from: OUTSIDE, to: '203.0.113.50' }, BOTH_MASQUERADED, 'S21'],
  ['S21: a load-balancer IP, from a pod', state(), { from: POD, to: '203.0.113.9' }, BOTH_MASQUERADED, 'S21'],
  ['S19: a node port', state(), { from: OUTSIDE, to: NODE, port: 30_080 }, BOTH_MASQUERADED, 'S21'],
  [
    'S22: external clients get the local set with their source',
    state(LOCAL_POLICY),
    { from: OUTSIDE, to: '203.0.113.9' },
    '10.244.1.5',
    'S22',
  ],
  ['S22: local pods go anywhere', state(LOCAL_POLICY), { from: POD, to: '203.0.113.9' }, BOTH, 'S22'],
  [
    'S22: so does the node, masqueraded',
    state(LOCAL_POLICY),
    { from: NODE, to: '203.0.113.9', through: null },
    BOTH_MASQUERADED,
    'S22',
  ],
  [
    'S43: an unused port of a cluster IP passes',
    state(),
    { from: POD, to: '10.96.0.10', port: 81 },
    'pass',
    'S43',
  ],
  [
    'S43: an unused address of the service range passes',
    state(),
    { from: POD, to: '10.96.9.9' },
    'pass',
    'S43',
  ],
  [
    'S19: a node port on another host passes',
    state(),
    { from: POD, to: '192.0.2.77', port: 30_080 },
    'pass',
    'S19',
  ],
  [
    'S50: another protocol is another service port',
    state(),
    { from: POD, to: '10.96.0.10', protocol: 'UDP' },
    'pass',
    'S43',
  ],
  ['S51: a packet of the other family passes', state(), { from: 'fd00::1', to: 'fd00::2' }, 'pass', 'S19'],
  [
    'S41: only the listed addresses answer',
    state({}, { nodePortAddresses: ['192.0.2.11/32'] }),
    { from: OUTSIDE, to: NODE, port: 30_080 },
    'pass',
    'S19',
  ],
  [
    'S40: not on loopback',
    state(),
    { from: '127.0.0.1', to: '127.0.0.1', port: 30_080, through: null },
    'pass',
    'S19',
  ],
  [
    'S40: on loopback if asked for',
    state({}, { localhostNodePorts: true }),
    { from: '127.0.0.1', to: '127.0.0.1', port: 30_080, through: null },
    BOTH_MASQUERADED,
    'S21',
  ],
  [
    'S24: a source outside the ranges is dropped',
    state({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
    { from: OUTSIDE, to: '203.0.113.9' },
    'drop',
    'S24',
  ],
  [
    'S24: a source inside them is served',
    state({ loadBalancerSourceRanges: ['198.51.100.0/24'] }),
    { from: OUTSIDE, to: '203.0.113.9' },
    BOTH_MASQUERADED,
    'S21',
  ],
  [
    'S24: the VIP itself is a source if the node is inside',
    state({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
    { from: '203.0.113.9', to: '203.0.113.9', through: null },
    BOTH_MASQUERADED,
    'S21',
  ],
  [
    'S24: other frontends are open',
    state({ loadBalancerSourceRanges: ['192.0.2.0/24'] }),
    { from: OUTSIDE, to: '203.0.113.50' },
    BOTH_MASQUERADED,
    'S21',
  ],
  [
    'S37: an endpoint that reaches itself is masqueraded',
    state(),
    { from: '10.244.1.5', to: '10.96.0.10' },
    '10.244.1.5* 10.244.2.7',
    'S35',
  ],
  [
    'S37: one that runs elsewhere is redirected there',
    state(),
    { from: '10.244.2.7', to: '10.96.0.10' },
    BOTH,
    'S35',
  ],
  [
    'S36: the interface identifies local pods, whatever their address',
    state({}, { localDetection: { mode: 'BridgeInterface', name: 'cni0' } }),
    { from: OUTSIDE, to: '10.96.0.10', through: 'cni0' },
    BOTH,
    'S35',
  ],
  [
    'S36: through another interface they are strangers',
    state({}, { localDetection: { mode: 'BridgeInterface', name: 'cni0' } }),
    { from: POD, to: '10.96.0.10', through: 'cni01' },
    BOTH_MASQUERADED,
    'S35',
  ],
  [
    'S36: a prefix of the interface name',
    state({}, { localDetection: { mode: 'InterfaceNamePrefix', prefix: 'cni' } }),
    { from: POD, to: '10.96.0.10', through: 'cni0' },
    BOTH,
    'S35',
  ],
  [
    'S36: the node itself comes through no interface',
    state({}, { localDetection: { mode: 'InterfaceNamePrefix', prefix: '' } }),
    { from: NODE, to: '10.96.0.10', through: null },
    BOTH,
    'S15',
  ],
  [
    'S36: nor does a prefix match it',
    state({}, { localDetection: { mode: 'InterfaceNamePrefix', prefix: 'cni' } }),
    { from: NODE, to: '10.96.0.10', through: null },
    BOTH_MASQUERADED,
    'S35',
  ],
];

describe('explain', () => {
  for (const [title, on, shot, outcome, rule] of ROWS) {
    it(title, () => {
      const explanation = shoot(on, shot);
      expect([text(explanation.outcome), explanation.rule]).toEqual([outcome, rule]);
    });
  }

  it('S23: reports that the service port has no endpoints', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(upsert('Service', serviceObject()));
    const explanation = shoot(model.build('IPv4').state, { from: POD, to: '10.96.0.10' });
    expect(explanation).toMatchObject({
      outcome: { kind: 'reject' },
      rule: 'S23',
      servicePort: 'shop/cart:http/TCP',
      endpoints: [],
    });
    expect(explanation.reason).toContain('no usable endpoint');
  });

  it('S16: reports that the service port has no local endpoints', () => {
    const model = createModel(TEST_CONFIG);
    model.apply(upsert('Service', serviceObject({ spec: { internalTrafficPolicy: 'Local' } })));
    model.apply(upsert('EndpointSlice', sliceObject([{ address: '10.244.2.7', node: 'node-b' }])));
    const explanation = shoot(model.build('IPv4').state, { from: POD, to: '10.96.0.10' });
    expect([explanation.outcome.kind, explanation.rule]).toEqual(['drop', 'S16']);
    expect(explanation.reason).toContain('none on this node');
  });

  it('S22: names frontend, route and endpoints', () => {
    const explanation = shoot(state(LOCAL_POLICY), { from: NODE, to: '203.0.113.9', through: null });
    expect(explanation).toMatchObject({
      servicePort: 'shop/cart:http/TCP',
      frontend: { kind: 'load-balancer', policy: 'local' },
      route: { source: 'node', target: 'cluster', masquerade: true },
      masquerade: true,
    });
    expect(explanation.endpoints.map(({ address }) => address)).toEqual(['10.244.1.5', '10.244.2.7']);
  });
});

describe('the health-check node port of a Service', () => {
  const LOAD_BALANCER = { healthCheckNodePort: 32_000, ...LOCAL_POLICY };

  it.each([
    [
      'is answered by the proxy',
      { to: NODE, port: 32_000 },
      'S27',
      'health-check node port of Service shop/cart',
    ],
    ['is not on other hosts', { to: '192.0.2.77', port: 32_000 }, 'S19', 'no service answers'],
    ['is only that port', { to: NODE, port: 32_001 }, 'S19', 'no service answers'],
  ])('S27: %s', (_, target, rule, reason) => {
    const explanation = shoot(state(LOAD_BALANCER), { from: OUTSIDE, ...target });
    expect(explanation).toMatchObject({ outcome: { kind: 'pass' }, rule, servicePort: null });
    expect(explanation.reason).toContain(reason);
  });

  it('S27: is answered with 200 while an endpoint is on this node', () => {
    const { reason } = shoot(state(LOAD_BALANCER), { from: OUTSIDE, to: NODE, port: 32_000 });
    expect(reason).toMatch(/answers 200: 1 ready endpoints on this node$/);
    const elsewhere = state({ ...LOAD_BALANCER }, { nodeName: 'node-c' });
    expect(shoot(elsewhere, { from: OUTSIDE, to: NODE, port: 32_000 }).reason).toContain(
      'answers 503: 0 ready',
    );
  });

  it('S27: is not served on addresses that node ports are not served on', () => {
    const on = state(LOAD_BALANCER, { nodePortAddresses: ['192.0.2.11/32'] });
    expect(shoot(on, { from: OUTSIDE, to: NODE, port: 32_000 }).rule).toBe('S19');
  });
});

describe('packets to cluster IPs that are for no Service', () => {
  it.each([
    ['10.96.0.10', 81, 'reject', 'S43'],
    ['10.96.9.9', 80, 'drop', 'S43'],
    ['192.0.2.77', 80, 'pass', 'S19'],
  ])('S43: %s port %i, in a mode that refuses them: %s', (destination, destinationPort, kind, rule) => {
    const host = { ...HOST, unused: { port: 'reject', address: 'drop' } } as const;
    const packet = {
      protocol: 'TCP',
      source: POD,
      inInterface: 'eth0',
      destination,
      destinationPort,
    } as const;
    expect(explain(state(), packet, host)).toMatchObject({ outcome: { kind }, rule });
  });

  it.each([
    ['TCP', {}, BOTH_MASQUERADED, 'S21'],
    // The endpoints for clients outside of the cluster are used for clients on the node too.
    ['TCP', LOCAL_POLICY, '10.244.1.5*', 'S22'],
    ['UDP', { ports: [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'UDP' }] }, 'pass', 'S19'],
  ] as const)('S40: sockets of the proxy at loopback addresses serve %s node ports: %j', (...row) => {
    const [protocol, spec, expected, rule] = row;
    const packet = { protocol, source: '127.0.0.1', destination: '127.0.0.1', destinationPort: 30_080 };
    const host = { ...HOST, loopbackNodePorts: ['127.0.0.1'] };
    const explanation = explain(state(spec), { ...packet, inInterface: null }, host);
    expect([text(explanation.outcome), explanation.rule]).toEqual([expected, rule]);
  });
});
