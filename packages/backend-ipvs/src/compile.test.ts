import type { DesiredServicePort } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { endpoint, service, TEST_NODE, type ServiceShape } from './testing/cluster.ts';
import type { CompileContext } from './compile/compile-context.ts';
import { setName, type SetId } from './compile/names.ts';
import { elementsFor, ipSet, SET_IDS } from './compile/ip-sets.ts';
import { schedulerFlags } from './compile/load-balancing.ts';
import { clusterMasquerade } from './compile/masquerade.ts';
import { nodePortAddresses } from './compile/node-ports.ts';
import { compileServicePort } from './compile/service-dispatch.ts';
import { delaysReusedPorts, requiredSysctls } from './compile/sysctls.ts';

const CONTEXT: CompileContext = {
  family: 'IPv4',
  node: TEST_NODE,
  scheduler: 'rr',
  missingSchedulers: new Set(),
  localPolicyFallback: 'drop',
  nodePortAddresses: ['192.0.2.10', '192.0.2.11'],
};

function compiled(shape: ServiceShape | DesiredServicePort, context: Partial<CompileContext> = {}) {
  const servicePort = 'key' in shape ? shape : service(shape);
  const { servers, entries, addresses } = compileServicePort(servicePort, { ...CONTEXT, ...context });
  const reals = [...servers].map(([key, desired]) => [
    key,
    desired.endpoints.map(({ address }) => address).join(' '),
  ]);
  return {
    servers: Object.fromEntries(reals) as Record<string, string>,
    entries: [...entries.keys()].sort(),
    addresses,
  };
}

const LOCAL = { externalPolicy: 'local', loadBalancerIPs: ['203.0.113.9'], nodePort: 30_080 } as const;

describe('real servers', () => {
  it('of ETP=Local are the local ones while there are any; of the cluster IP all', () => {
    expect(compiled(LOCAL).servers).toEqual({
      'TCP 10.96.0.10:80': '10.244.1.5 10.244.2.7',
      'TCP 203.0.113.9:80': '10.244.1.5',
      'TCP 192.0.2.10:30080': '10.244.1.5',
      'TCP 192.0.2.11:30080': '10.244.1.5',
    });
  });

  it('of ETP=Local without a local one are those of the cluster, and external clients are dropped (S22)', () => {
    const { servers, entries } = compiled({ ...LOCAL, endpoints: ['10.244.2.7'] });
    expect(servers['TCP 203.0.113.9:80']).toBe('10.244.2.7');
    expect(
      entries.filter((entry) => /^(?:EXTERNAL-IP-LOCAL|LOAD-BALANCER-(?:FW|SOURCE))/.test(entry)),
    ).toEqual(
      ['192.0.2.10,tcp:30080', '192.0.2.11,tcp:30080', '203.0.113.9,tcp:80']
        .flatMap((frontend) => [
          `EXTERNAL-IP-LOCAL ${frontend}`,
          `LOAD-BALANCER-FW ${frontend}`,
          `LOAD-BALANCER-SOURCE-CIDR ${frontend},0.0.0.0/1`,
          `LOAD-BALANCER-SOURCE-CIDR ${frontend},128.0.0.0/1`,
        ])
        .toSorted(),
    );
  });

  it('of failover reject are those of the cluster; a mark among the hairpin entries selects the error (S66)', () => {
    const shape = { ...LOCAL, endpoints: ['10.244.2.7'] };
    const dropping = compiled(shape);
    const rejecting = compiled({ ...shape, failover: 'reject' });
    expect(rejecting.servers).toEqual(dropping.servers);
    expect(rejecting.entries.filter((entry) => !dropping.entries.includes(entry))).toEqual([
      'LOOP-BACK 192.0.2.10,tcp:30080,192.0.2.10',
      'LOOP-BACK 192.0.2.11,tcp:30080,192.0.2.11',
      'LOOP-BACK 203.0.113.9,tcp:80,203.0.113.9',
    ]);
    expect(dropping.entries.filter((entry) => !rejecting.entries.includes(entry))).toEqual([]);
  });

  it('with the fallback to the cluster nothing is dropped and everything masqueraded (S56)', () => {
    const { servers, entries } = compiled(
      { ...LOCAL, endpoints: ['10.244.2.7'] },
      { localPolicyFallback: 'cluster' },
    );
    expect(servers['TCP 203.0.113.9:80']).toBe('10.244.2.7');
    expect(entries.filter((entry) => /LOAD-BALANCER-FW|LOCAL/.test(entry))).toEqual([]);
  });

  it('of ITP=Local without a local one: no client is served (S16)', () => {
    const { servers, entries } = compiled({ internalPolicy: 'local', endpoints: ['10.244.2.7'] });
    expect(servers).toEqual({ 'TCP 10.96.0.10:80': '' });
    expect(entries).toContain('LOAD-BALANCER-FW 10.96.0.10,tcp:80');
    expect(entries.filter((entry) => entry.includes('SOURCE'))).toEqual([]);
  });

  it('none at all: an empty virtual server, which the kernel answers for (S23)', () => {
    const { servers, entries } = compiled({ endpoints: [] });
    expect(servers).toEqual({ 'TCP 10.96.0.10:80': '' });
    expect(entries).toEqual(['CLUSTER-IP 10.96.0.10,tcp:80']);
  });
});

describe('sets', () => {
  const entriesIn = (shape: ServiceShape, id: SetId): readonly string[] =>
    compiled(shape)
      .entries.filter((entry) => entry.startsWith(`${id} `))
      .map((entry) => entry.slice(id.length + 1));

  it('external frontends are in the set of their policy', () => {
    const shape = { externalIPs: ['203.0.113.5'], loadBalancerIPs: ['203.0.113.9'] } as const;
    expect(entriesIn(shape, 'EXTERNAL-IP')).toEqual(['203.0.113.5,tcp:80']);
    expect(entriesIn(shape, 'LOAD-BALANCER-LOCAL')).toEqual([]);
    const local = { ...shape, externalPolicy: 'local' } as const;
    expect(entriesIn(local, 'EXTERNAL-IP')).toEqual([]);
    expect(entriesIn(local, 'EXTERNAL-IP-LOCAL')).toEqual(['203.0.113.5,tcp:80']);
    expect(entriesIn(local, 'LOAD-BALANCER')).toEqual(['203.0.113.9,tcp:80']);
    expect(entriesIn(local, 'LOAD-BALANCER-LOCAL')).toEqual(['203.0.113.9,tcp:80']);
  });

  it.each([
    ['TCP', 'NODE-PORT-TCP', ['30080']],
    ['UDP', 'NODE-PORT-UDP', ['30080']],
    ['SCTP', 'NODE-PORT-SCTP-HASH', ['192.0.2.10,sctp:30080', '192.0.2.11,sctp:30080']],
  ] as const)('%s node ports are in %s', (protocol, set, entries) => {
    expect(entriesIn({ protocol, nodePort: 30_080 }, set)).toEqual(entries);
  });

  it('source ranges: gate, ranges, and the addresses that may loop', () => {
    const sourceRanges = { cidrs: ['198.51.100.0/24', '192.0.2.10/32'], alsoAddresses: ['203.0.113.9'] };
    const shape = { loadBalancerIPs: ['203.0.113.9'], sourceRanges };
    expect(entriesIn(shape, 'LOAD-BALANCER-FW')).toEqual(['203.0.113.9,tcp:80']);
    expect(entriesIn(shape, 'LOAD-BALANCER-SOURCE-CIDR')).toEqual([
      '203.0.113.9,tcp:80,192.0.2.10',
      '203.0.113.9,tcp:80,198.51.100.0/24',
    ]);
    expect(entriesIn(shape, 'LOAD-BALANCER-SOURCE-IP')).toEqual(['203.0.113.9,tcp:80,203.0.113.9']);
    const allSources = {
      ...shape,
      sourceRanges: { cidrs: ['0.0.0.0/0', '198.51.100.0/24'], alsoAddresses: [] },
    };
    expect(entriesIn(allSources, 'LOAD-BALANCER-FW')).toEqual([]);
  });

  it('hairpins of every local endpoint, chosen or not (S37)', () => {
    const cart = { ...service(), servingEndpoints: ['10.244.1.5', '10.244.1.6', '10.244.3.2'].map(endpoint) };
    expect(compiled(cart).entries.filter((entry) => entry.startsWith('LOOP-BACK'))).toEqual([
      'LOOP-BACK 10.244.1.5,tcp:8080,10.244.1.5',
      'LOOP-BACK 10.244.1.6,tcp:8080,10.244.1.6',
    ]);
  });

  it('names fit the kernel in both families and differ', () => {
    const names = (['IPv4', 'IPv6'] as const).flatMap((family) => SET_IDS.map((id) => setName(family, id)));
    expect(names.filter((name) => name.length > 31)).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(setName('IPv6', 'LOAD-BALANCER-SOURCE-CIDR')).toBe('KUBE-6-LOAD-BALANCER-SOURCE-CID');
  });

  it('sizes follow need', () => {
    expect([0, 65_536, 65_537, 200_000].map(elementsFor)).toEqual([65_536, 65_536, 131_072, 262_144]);
    expect(ipSet('IPv6', 'NODE-PORT-TCP', 5)).toMatchObject({ family: null, maxElements: 65_536 });
  });
});

describe('virtual servers', () => {
  it('persist for session affinity, and hash ports for mh', () => {
    const context = { ...CONTEXT, scheduler: 'mh' };
    const [server] = [...compileServicePort(service({ affinitySeconds: 600 }), context).servers.values()];
    expect(server?.server).toMatchObject({ scheduler: 'mh', flags: 0x11, timeoutSeconds: 600 });
    expect(['rr', 'sh', 'mh'].map(schedulerFlags)).toEqual([0, 0, 0x10]);
  });

  it('are never bound for node ports', () => {
    expect(compiled({ nodePort: 30_080, externalIPs: ['203.0.113.5'] }).addresses).toEqual([
      '10.96.0.10',
      '203.0.113.5',
    ]);
  });
});

describe('node-port addresses', () => {
  it.each([
    ['an address of the node', '192.0.2.10', true],
    ['a service address that is only on the device of Signalbox', '10.96.0.10', false],
    ['link-local', 'fe80::5054:ff:fe12:3456', false],
    ['an IPv6 address of the node', '2001:db8:0:2::10', true],
  ])('%s', (_, address, taken) => {
    const node = { ...TEST_NODE, nodePortIPs: [address] };
    expect(nodePortAddresses(node, new Set(['10.96.0.10']))).toEqual(taken ? [address] : []);
  });
});

describe('who is masqueraded on the way to cluster IPs (S35)', () => {
  it.each([
    ['not-local-pods', 'not-local-pods'],
    ['all', 'all'],
    ['none', 'service-addresses'],
  ] as const)('%s → %s', (clusterIPMasquerade, expected) => {
    expect(clusterMasquerade({ ...TEST_NODE, clusterIPMasquerade })).toBe(expected);
  });
});

describe('sysctls', () => {
  it.each([
    ['4.0.9', false],
    ['4.1.0', true],
    ['5.8.18-generic', true],
    ['5.9.0', false],
    ['6.1.0-18-amd64', false],
    ['what', false],
  ])('conn_reuse_mode on %s: %s', (release, set) => {
    expect(delaysReusedPorts(release)).toBe(set);
    const names = requiredSysctls({ kernelRelease: release, strictARP: false }).map(({ name }) => name);
    expect(names.includes('net/ipv4/vs/conn_reuse_mode')).toBe(set);
    expect(names.some((name) => name.includes('arp'))).toBe(false);
  });
});
