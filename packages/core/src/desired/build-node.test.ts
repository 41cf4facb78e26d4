import { describe, expect, it } from 'vitest';
import type { InterfaceAddress } from '../input.ts';
import type { Family } from '../model/family.ts';
import { TEST_CONFIG } from '../testing/objects.ts';
import type { ModelConfig, NodeView } from '../model/model-config.ts';
import { buildNode, type BuiltNode } from './build-node.ts';
import { answersNodePorts } from './node-ports.ts';

const NODE: NodeView = {
  known: true,
  eligible: true,
  ips: { IPv4: '192.0.2.10', IPv6: '2001:db8::10' },
  primaryFamily: 'IPv4',
  podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
  zone: null,
  uid: null,
};

const INTERFACES: readonly InterfaceAddress[] = [
  { interface: 'lo', family: 'IPv4', address: '127.0.0.1' },
  { interface: 'lo', family: 'IPv6', address: '::1' },
  { interface: 'eth0', family: 'IPv4', address: '192.0.2.11' },
  { interface: 'eth0', family: 'IPv4', address: '192.0.2.10' },
  { interface: 'eth0', family: 'IPv6', address: '2001:DB8::10' },
  { interface: 'eth0', family: 'IPv6', address: 'fe80::1' },
  { interface: 'kube-ipvs0', family: 'IPv4', address: '10.96.0.10' },
];

function build(
  config: Partial<ModelConfig>,
  family: Family = 'IPv4',
  node: Partial<NodeView> = {},
): BuiltNode {
  const surroundings = {
    config: { ...TEST_CONFIG, serviceDevices: ['kube-ipvs0'], ...config },
    node: { ...NODE, ...node },
    interfaces: INTERFACES,
    serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'],
  };
  return buildNode(surroundings, family);
}

describe('local detector', () => {
  const rows: readonly (readonly [
    title: string,
    detection: ModelConfig['localDetection'],
    detector: object,
  ])[] = [
    [
      'ClusterCIDR takes every CIDR of the family',
      { mode: 'ClusterCIDR', cidrs: ['10.1.0.0/16', 'fd00::/56', '10.2.0.0/16'] },
      { kind: 'cidrs', cidrs: ['10.1.0.0/16', '10.2.0.0/16'] },
    ],
    ['ClusterCIDR without a CIDR detects nothing', { mode: 'ClusterCIDR', cidrs: [] }, { kind: 'none' }],
    [
      'ClusterCIDR of the other family detects nothing',
      { mode: 'ClusterCIDR', cidrs: ['fd00::/56'] },
      { kind: 'none' },
    ],
    [
      'NodeCIDR takes the ranges of the Node',
      { mode: 'NodeCIDR' },
      { kind: 'cidrs', cidrs: ['10.244.1.0/24'] },
    ],
    ['BridgeInterface', { mode: 'BridgeInterface', name: 'cni0' }, { kind: 'interface', name: 'cni0' }],
    [
      'InterfaceNamePrefix',
      { mode: 'InterfaceNamePrefix', prefix: 'veth' },
      { kind: 'interface-prefix', prefix: 'veth' },
    ],
  ];
  for (const [title, localDetection, detector] of rows) {
    it(`S36: ${title}`, () => {
      expect(build({ localDetection }).node.localDetector).toEqual(detector);
    });
  }

  it('a change of the pod ranges changes the detector', () => {
    const localDetection = { mode: 'NodeCIDR' } as const;
    const { node } = build({ localDetection }, 'IPv4', { podCIDRs: ['10.9.0.0/24', '10.8.0.0/24'] });
    expect(node.localDetector).toEqual({ kind: 'cidrs', cidrs: ['10.9.0.0/24', '10.8.0.0/24'] });
  });

  it('S35: masqueradeAll has priority over the detector', () => {
    const context = (config: Partial<ModelConfig>): string => build(config).context.clusterIPMasquerade;
    const localDetection = { mode: 'ClusterCIDR', cidrs: [] } as const;
    expect([context({ masqueradeAll: true }), context({}), context({ localDetection })]).toEqual([
      'all',
      'not-local-pods',
      'none',
    ]);
  });
});

describe('node-port addresses', () => {
  const rows: readonly {
    readonly title: string;
    readonly config: Partial<ModelConfig>;
    readonly family?: Family;
    readonly allowed: object;
    readonly ips: readonly string[];
  }[] = [
    {
      title: 'S41: nothing listed: every address but loopback',
      config: {},
      allowed: { kind: 'any-local', loopback: false },
      ips: ['192.0.2.10', '192.0.2.11'],
    },
    {
      title: 'S41: ranges of the other family restrict nothing',
      config: { nodePortAddresses: ['2001:db8::/64'] },
      allowed: { kind: 'any-local', loopback: false },
      ips: ['192.0.2.10', '192.0.2.11'],
    },
    {
      title: 'S41: a /0 restricts nothing',
      config: { nodePortAddresses: ['192.0.2.10/32', '0.0.0.0/0'] },
      allowed: { kind: 'any-local', loopback: false },
      ips: ['192.0.2.10', '192.0.2.11'],
    },
    {
      title: 'S41: ranges; those of loopback alone are left out',
      config: { nodePortAddresses: ['192.0.2.10/32', '127.0.0.0/8'] },
      allowed: { kind: 'ranges', cidrs: ['192.0.2.10/32'], loopback: false },
      ips: ['192.0.2.10'],
    },
    {
      title: 'S41: ranges that match no address turn node ports off',
      config: { nodePortAddresses: ['198.51.100.0/24'] },
      allowed: { kind: 'ranges', cidrs: ['198.51.100.0/24'], loopback: false },
      ips: [],
    },
    {
      title: 'S40: loopback if asked for and matched',
      config: { localhostNodePorts: true },
      allowed: { kind: 'any-local', loopback: true },
      ips: ['127.0.0.1', '192.0.2.10', '192.0.2.11'],
    },
    {
      title: 'S40: not if the ranges leave loopback out',
      config: { localhostNodePorts: true, nodePortAddresses: ['192.0.2.10/32'] },
      allowed: { kind: 'ranges', cidrs: ['192.0.2.10/32'], loopback: false },
      ips: ['192.0.2.10'],
    },
    {
      title: 'S40: a part of loopback is enough',
      config: { localhostNodePorts: true, nodePortAddresses: ['127.0.0.1/32'] },
      allowed: { kind: 'ranges', cidrs: ['127.0.0.1/32'], loopback: true },
      ips: ['127.0.0.1'],
    },
    {
      title: 'S40: never for IPv6; never a link-local address',
      config: { localhostNodePorts: true },
      family: 'IPv6',
      allowed: { kind: 'any-local', loopback: false },
      ips: ['2001:db8::10'],
    },
    {
      title: 'F119: primary is the address of the Node object',
      config: { nodePortAddresses: ['primary'] },
      allowed: { kind: 'ranges', cidrs: ['192.0.2.10/32'], loopback: false },
      ips: ['192.0.2.10'],
    },
    {
      title: 'S41: primary beside CIDRs adds to them, in a family without CIDRs alone',
      config: { nodePortAddresses: ['203.0.113.0/24', 'primary'] },
      allowed: { kind: 'ranges', cidrs: ['192.0.2.10/32', '203.0.113.0/24'], loopback: false },
      ips: ['192.0.2.10'],
    },
    {
      title: 'S41: primary beside CIDRs of the other family is all there is',
      config: { nodePortAddresses: ['203.0.113.0/24', 'primary'] },
      family: 'IPv6',
      allowed: { kind: 'ranges', cidrs: ['2001:db8::10/128'], loopback: false },
      ips: ['2001:db8::10'],
    },
    {
      title: 'S40 S41: localhost beside primary, where node ports answer on loopback',
      config: { nodePortAddresses: ['primary', 'localhost'], localhostNodePorts: true },
      allowed: { kind: 'ranges', cidrs: ['192.0.2.10/32', '127.0.0.0/8'], loopback: true },
      ips: ['127.0.0.1', '192.0.2.10'],
    },
    {
      title: 'S40 S41: localhost where node ports do not answer on loopback',
      config: { nodePortAddresses: ['localhost'], localhostNodePorts: false },
      allowed: { kind: 'ranges', cidrs: [], loopback: false },
      ips: [],
    },
    {
      title: 'S40 S41: localhost, IPv6, where loopback never answers',
      config: { nodePortAddresses: ['localhost'], localhostNodePorts: true },
      family: 'IPv6',
      allowed: { kind: 'ranges', cidrs: [], loopback: false },
      ips: [],
    },
    {
      title: 'S41: all beside other words is every address',
      config: { nodePortAddresses: ['primary', 'all'] },
      family: 'IPv6',
      allowed: { kind: 'any-local', loopback: false },
      ips: ['2001:db8::10'],
    },
    {
      title: 'S41: a /0 of the other family does not open this one',
      config: { nodePortAddresses: ['203.0.113.0/24', '::/0'] },
      allowed: { kind: 'ranges', cidrs: ['203.0.113.0/24'], loopback: false },
      ips: [],
    },
    {
      title: 'F119: primary, IPv6',
      config: { nodePortAddresses: ['primary'] },
      family: 'IPv6',
      allowed: { kind: 'ranges', cidrs: ['2001:db8::10/128'], loopback: false },
      ips: ['2001:db8::10'],
    },
  ];
  for (const { title, config, family = 'IPv4', allowed, ips } of rows) {
    it(title, () => {
      const { node } = build(config, family);
      expect(node.nodePortAddresses).toEqual(allowed);
      expect(node.nodePortIPs).toEqual(ips);
    });
  }

  it.each([
    [
      ['primary', 'localhost'],
      [true, true],
    ],
    [['127.0.0.1/32'], [true, undefined]],
    [
      ['::1/128', '0.0.0.0/0'],
      [undefined, true],
    ],
    [['all'], [undefined, undefined]],
    [[], [undefined, undefined]],
  ] as const)('S40: sockets serve node ports at loopback addresses that %j name, by family', (...row) => {
    const [nodePortAddresses, expected] = row;
    const sockets = (loopbackSockets: boolean) =>
      (['IPv4', 'IPv6'] as const).map(
        (family) => build({ nodePortAddresses, loopbackSockets }, family).node.loopbackSockets,
      );
    expect([sockets(true), sockets(false)]).toEqual([expected, [undefined, undefined]]);
  });

  for (const ips of [{}, { IPv4: '127.0.0.1' }]) {
    it(`F119: primary with the node IP ${JSON.stringify(ips)} serves no node port`, () => {
      const { node } = build({ nodePortAddresses: ['primary'] }, 'IPv4', { ips });
      expect(node.nodePortAddresses).toEqual({ kind: 'ranges', cidrs: [], loopback: false });
      expect(node.nodePortIPs).toEqual([]);
    });
  }

  it('S41: an address answers by the same rule', () => {
    const { nodePortAddresses } = build({ nodePortAddresses: ['192.0.2.10/32', '127.0.0.0/8'] }).node;
    const answers = (address: string): boolean => answersNodePorts(address, nodePortAddresses);
    expect(['192.0.2.10', '192.0.2.11', '127.0.0.1'].map(answers)).toEqual([true, false, false]);
  });

  it('S41: an IPv6 address answers if all bits of its prefix do', () => {
    const { nodePortAddresses } = build({ nodePortAddresses: ['primary'] }, 'IPv6').node;
    const answers = (address: string): boolean => answersNodePorts(address, nodePortAddresses);
    expect(['2001:db8::10', '2001:db8::11'].map(answers)).toEqual([true, false]);
  });
});

describe('service ranges', () => {
  it('S43: by family', () => {
    expect(build({}).node.serviceCIDRs).toEqual(['10.96.0.0/16']);
    expect(build({}, 'IPv6').node.serviceCIDRs).toEqual(['fd00:10:96::/112']);
  });
});
