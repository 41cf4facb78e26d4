import { describe, expect, it } from 'vitest';
import { formatInputProblem } from '../input.ts';
import type { ServiceModel } from '../model/service.ts';
import { serviceObject, type ServiceShape } from '../testing/objects.ts';
import { decodeService } from './decode-service.ts';

function decoded(shape: ServiceShape): ServiceModel {
  const { value, problems } = decodeService(serviceObject(shape));
  expect(problems.map(formatInputProblem)).toEqual([]);
  if (value === null) throw new Error('the service has no model');
  return value;
}

function problemsOf(shape: ServiceShape): string[] {
  return decodeService(serviceObject(shape)).problems.map(formatInputProblem);
}

describe('which services are served', () => {
  const rows: readonly (readonly [title: string, shape: ServiceShape, served: boolean])[] = [
    ['F132: a cluster IP', {}, true],
    ['F132: headless', { spec: { clusterIP: 'None', clusterIPs: ['None'] } }, false],
    ['F132: no cluster IP yet', { spec: { clusterIP: '' } }, false],
    ['F132: ExternalName', { spec: { type: 'ExternalName', externalName: 'example.org' } }, false],
    [
      'S29: the label of another service proxy, whatever its value',
      { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': '' } } },
      false,
    ],
    [
      'S29: the headless label alone',
      { metadata: { labels: { 'service.kubernetes.io/headless': '' } } },
      true,
    ],
    ['no usable port', { spec: { ports: [] } }, false],
  ];
  for (const [title, shape, served] of rows) {
    it(`${title}: ${served ? 'served' : 'ignored'}`, () => {
      const { key, value, problems } = decodeService(serviceObject(shape));
      expect(key).toBe('shop/cart');
      expect(value !== null).toBe(served);
      expect(problems).toEqual([]);
    });
  }
});

describe('cluster IPs by family', () => {
  const rows: readonly (readonly [title: string, spec: object, ips: object])[] = [
    ['F132: clusterIP alone speaks for itself', { clusterIP: 'fd00::A' }, { IPv6: 'fd00::a' }],
    [
      'F132: ipFamilies and clusterIPs go together by index',
      { clusterIP: 'fd00::a', clusterIPs: ['fd00::a', '10.96.0.9'], ipFamilies: ['IPv6', 'IPv4'] },
      { IPv6: 'fd00::a', IPv4: '10.96.0.9' },
    ],
    [
      'F132: without ipFamilies the addresses speak',
      { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9', 'fd00::a'] },
      { IPv4: '10.96.0.9', IPv6: 'fd00::a' },
    ],
  ];
  for (const [title, spec, ips] of rows) {
    it(title, () => {
      const { addresses } = decoded({ spec: { ...spec } });
      const found = Object.fromEntries(
        Object.entries(addresses).map(([family, { clusterIP }]) => [family, clusterIP]),
      );
      expect(found).toEqual(ips);
    });
  }

  it('F132: an address of another family than announced is a problem, and only that family is not served', () => {
    const spec = { clusterIPs: ['10.96.0.9', '10.96.0.8'], ipFamilies: ['IPv4', 'IPv6'] };
    const { value, problems } = decodeService(serviceObject({ spec }));
    expect(Object.keys(value?.addresses ?? {})).toEqual(['IPv4']);
    expect(problems.map(({ field }) => field)).toEqual(['spec.clusterIPs[1]']);
  });
});

describe('cluster IPs that do not fit together', () => {
  it('F132: of two addresses of one family the first counts', () => {
    const { addresses } = decoded({ spec: { clusterIPs: ['10.96.0.9', '10.96.0.8'] } });
    expect(addresses.IPv4?.clusterIP).toBe('10.96.0.9');
  });

  it('F132: an address beyond the announced families is a problem and no frontend', () => {
    const spec = { clusterIPs: ['10.96.0.9', 'fd00::a'], ipFamilies: ['IPv4'] };
    const { value, problems } = decodeService(serviceObject({ spec }));
    expect(Object.keys(value?.addresses ?? {})).toEqual(['IPv4']);
    expect(problems).toMatchObject([
      { field: 'spec.clusterIPs[1]', reason: 'has no family in spec.ipFamilies' },
    ]);
  });
});

describe('addresses that the API refuses', () => {
  it('F132: as cluster IP exclude the family, else only themselves; the rest of the Service is served', () => {
    const spec = {
      clusterIPs: ['127.0.0.1', 'fd00::a'],
      ipFamilies: ['IPv4', 'IPv6'],
      externalIPs: ['::', 'fe80::1', '2001:db8::1'],
    };
    const ingress = [{ ip: 'ff02::1' }, { ip: 'fe80::2' }, { ip: '2001:db8::2' }];
    const { value, problems } = decodeService(serviceObject({ spec, ingress }));
    expect(value?.addresses).toMatchObject({
      IPv6: {
        clusterIP: 'fd00::a',
        externalIPs: ['2001:db8::1'],
        loadBalancerIPs: ['fe80::2', '2001:db8::2'],
      },
    });
    expect(Object.keys(value?.addresses ?? {})).toEqual(['IPv6']);
    expect(problems.map(formatInputProblem)).toEqual([
      'Service shop/cart.spec.clusterIPs[0]: invalid value "127.0.0.1": must not be a loopback address',
      'Service shop/cart.spec.externalIPs[0]: invalid value "::": must not be an unspecified address',
      'Service shop/cart.spec.externalIPs[1]: invalid value "fe80::1": must not be a link-local address',
      'Service shop/cart.status.loadBalancer.ingress[0].ip: invalid value "ff02::1": must not be a multicast address',
    ]);
  });
});

describe('policies', () => {
  const rows: readonly (readonly [title: string, spec: object, policies: readonly [string, string]])[] = [
    [
      'S1: external IPs that are empty texts do not make ETP=Local count',
      { externalIPs: [''], externalTrafficPolicy: 'Local' },
      ['cluster', 'cluster'],
    ],
    [
      'S1: ETP=Local counts for NodePort',
      { type: 'NodePort', externalTrafficPolicy: 'Local' },
      ['cluster', 'local'],
    ],
    [
      'S1: ETP=Local counts for LoadBalancer',
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
      ['cluster', 'local'],
    ],
    [
      'S1: ETP=Local counts for ClusterIP with external IPs',
      { externalTrafficPolicy: 'Local', externalIPs: ['203.0.113.1'] },
      ['cluster', 'local'],
    ],
    [
      'S1: ETP=Local means nothing for a plain ClusterIP',
      { externalTrafficPolicy: 'Local' },
      ['cluster', 'cluster'],
    ],
    ['S2: ITP=Local', { internalTrafficPolicy: 'Local' }, ['local', 'cluster']],
    ['S2: ITP unset', {}, ['cluster', 'cluster']],
  ];
  for (const [title, spec, [internal, external]] of rows) {
    it(title, () => {
      const { internalPolicy, externalPolicy } = decoded({ spec: { ...spec } });
      expect([internalPolicy, externalPolicy]).toEqual([internal, external]);
    });
  }
});

describe('addresses for external clients', () => {
  it('S18: only ingress entries with an address in VIP mode', () => {
    const ingress = [
      { ip: '203.0.113.1' },
      { ip: '203.0.113.2', ipMode: 'VIP' },
      { ip: '203.0.113.3', ipMode: 'Proxy' },
      { hostname: 'lb.example.org' },
      { ip: '' },
      { ip: '203.0.113.1' },
      { ip: '2001:db8::1' },
    ];
    const { addresses } = decoded({ ingress });
    expect(addresses.IPv4?.loadBalancerIPs).toEqual(['203.0.113.1', '203.0.113.2']);
  });

  it('S17: external IPs by family, empty strings skipped without a problem', () => {
    const { addresses } = decoded({ spec: { externalIPs: ['', '203.0.113.1', '2001:db8::1'] } });
    expect(addresses.IPv4?.externalIPs).toEqual(['203.0.113.1']);
  });

  it('S24: an address that is external and load-balancer IP keeps its source ranges', () => {
    const spec = { externalIPs: ['203.0.113.1'], loadBalancerSourceRanges: ['198.51.100.0/24'] };
    const { addresses } = decoded({ spec, ingress: [{ ip: '203.0.113.1' }] });
    expect(addresses.IPv4).toMatchObject({ externalIPs: [], loadBalancerIPs: ['203.0.113.1'] });
  });

  const ranges: readonly (readonly [title: string, list: readonly string[], result: readonly string[]])[] = [
    ['are trimmed, canonical and of the family', [' 10.1.2.3/8 ', 'fd00::/8'], ['10.0.0.0/8']],
    ['with a /0 allow every source', ['10.0.0.0/8', '0.0.0.0/0'], []],
    ['of the other family alone allow every source', ['fd00::/8'], []],
    ['are listed once', ['10.0.0.0/8', '10.9.9.9/8'], ['10.0.0.0/8']],
  ];
  for (const [title, list, result] of ranges) {
    it(`S24: source ranges ${title}`, () => {
      const { addresses } = decoded({ spec: { loadBalancerSourceRanges: list } });
      expect(addresses.IPv4?.sourceRanges).toEqual(result);
    });
  }

  it('S24: a /0 of one family opens that family alone', () => {
    const rangesOf = (loadBalancerSourceRanges: readonly string[]): unknown => {
      const spec = {
        clusterIPs: ['10.96.0.10', 'fd00::a'],
        ipFamilies: ['IPv4', 'IPv6'],
        loadBalancerSourceRanges,
      };
      const { IPv4, IPv6 } = decoded({ spec }).addresses;
      return [IPv4?.sourceRanges, IPv6?.sourceRanges];
    };
    expect(rangesOf(['10.0.0.0/8', '::/0'])).toEqual([['10.0.0.0/8'], []]);
    expect(rangesOf(['0.0.0.0/0', 'fd00:1::/32'])).toEqual([[], ['fd00:1::/32']]);
  });

  it.each<[unknown]>([['10.0.0.0/8'], [10], [{ a: 1 }], [[10]], [[true]], [[null]], [[['10.0.0.0/8']]]])(
    'S24: ranges that are no list of texts, %j, close them, too',
    (loadBalancerSourceRanges) => {
      const shape = { spec: { loadBalancerSourceRanges }, ingress: [{ ip: '203.0.113.1' }] };
      const { value, problems } = decodeService(serviceObject(shape));
      expect(value?.addresses.IPv4?.loadBalancerIPs).toEqual([]);
      expect(problems.length).toBeGreaterThan(0);
    },
  );

  it('S17 S24: an address left out of the load-balancer IPs is not used as external IP instead', () => {
    const spec = { externalIPs: ['203.0.113.1', '203.0.113.2'], loadBalancerSourceRanges: ['nonsense'] };
    const { value } = decodeService(serviceObject({ spec, ingress: [{ ip: '203.0.113.1' }] }));
    expect(value?.addresses.IPv4).toMatchObject({ externalIPs: ['203.0.113.2'], loadBalancerIPs: [] });
  });

  it('S24: ranges of which none is valid deny all sources on load-balancer IPs instead of allowing all', () => {
    const shape = { spec: { loadBalancerSourceRanges: ['10.0.0/8'] }, ingress: [{ ip: '203.0.113.1' }] };
    const { value, problems } = decodeService(serviceObject(shape));
    expect(value?.addresses.IPv4?.loadBalancerIPs).toEqual([]);
    expect(problems.map(({ field }) => field)).toEqual([
      'spec.loadBalancerSourceRanges[0]',
      'spec.loadBalancerSourceRanges',
    ]);
  });
});

describe('ports', () => {
  it('S50: one number under two protocols is two service ports', () => {
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns', port: 53, protocol: 'TCP' },
    ];
    expect(decoded({ spec: { ports } }).ports.map(({ key }) => key)).toEqual([
      'shop/cart:dns/UDP',
      'shop/cart:dns/TCP',
    ]);
  });

  it('F131: protocol and name may be unset', () => {
    const [port] = decoded({ spec: { ports: [{ port: 80 }] } }).ports;
    expect(port).toMatchObject({ key: 'shop/cart:/TCP', port: 80, nodePort: 0 });
  });

  const bad: readonly (readonly [entry: object, problem: string])[] = [
    [{ port: 0 }, 'spec.ports[0].port: invalid value 0: must be 1-65535'],
    [{ port: '80' }, 'spec.ports[0].port: invalid value "80": must be 1-65535'],
    [{}, 'spec.ports[0].port: invalid value nothing: must be 1-65535'],
    [
      { port: 80, protocol: 'ICMP' },
      'spec.ports[0].protocol: invalid value "ICMP": must be TCP, UDP or SCTP',
    ],
    [{ port: 80, nodePort: 70_000 }, 'spec.ports[0].nodePort: invalid value 70000: must be 1-65535'],
    [
      { port: 80, name: 'a\n-A INPUT' },
      'spec.ports[0].name: invalid value "a\\n-A INPUT": must be a DNS name',
    ],
  ];
  for (const [entry, problem] of bad) {
    it(`F135: leaves out ${JSON.stringify(entry)} and keeps the rest`, () => {
      const shape = { spec: { ports: [entry, { name: 'good', port: 81 }] } };
      expect(problemsOf(shape)).toEqual([`Service shop/cart.${problem}`]);
      expect(decodeService(serviceObject(shape)).value?.ports.map(({ port }) => port)).toEqual([81]);
    });
  }

  it('keeps the first of two ports of one name', () => {
    const shape = { spec: { ports: [{ port: 80 }, { port: 81 }] } };
    expect(decodeService(serviceObject(shape)).value?.ports.map(({ port }) => port)).toEqual([80]);
    expect(problemsOf(shape)).toHaveLength(1);
  });
});

describe('session affinity', () => {
  const rows: readonly (readonly [spec: object, seconds: number | null])[] = [
    [{}, null],
    [{ sessionAffinity: 'None' }, null],
    [{ sessionAffinity: 'ClientIP' }, 10_800],
    [{ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, 60],
    [
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_400 } } },
      86_400,
    ],
  ];
  for (const [spec, seconds] of rows) {
    it(`S30: ${JSON.stringify(spec)} lasts ${seconds} s`, () => {
      expect(decoded({ spec: { ...spec } }).affinity?.timeoutSeconds ?? null).toBe(seconds);
    });
  }

  for (const timeoutSeconds of [0, -1, 86_401, 1.5, '60']) {
    it(`S30: an unusable timeout ${JSON.stringify(timeoutSeconds)} is reported and the default used`, () => {
      const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } };
      expect(decodeService(serviceObject({ spec })).value?.affinity?.timeoutSeconds).toBe(10_800);
      expect(problemsOf({ spec })).toHaveLength(1);
    });
  }
});

describe('health check and Windows options', () => {
  const local = { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 };
  const rows: readonly (readonly [title: string, spec: object, port: number])[] = [
    ['type LoadBalancer with ETP=Local', { ...local, type: 'LoadBalancer' }, 31_000],
    ['type NodePort', { ...local, type: 'NodePort' }, 0],
    ['ETP=Cluster', { ...local, type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' }, 0],
  ];
  for (const [title, spec, port] of rows) {
    it(`S27: ${title} serves health checks on ${port}`, () => {
      expect(decoded({ spec: { ...spec } }).healthCheckNodePort).toBe(port);
    });
  }

  it('reads the annotations of kernelspace mode', () => {
    const windows = (annotations: object): object => decoded({ metadata: { annotations } }).windows;
    expect(windows({})).toEqual({ preserveDestination: false, updateInPlace: true });
    expect(windows({ 'preserve-destination': 'true', winProxyOptimization: 'Disabled' })).toEqual({
      preserveDestination: true,
      updateInPlace: false,
    });
  });
});

describe('malformed services', () => {
  const hopeless = [null, undefined, 'text', 7, [], {}, { metadata: null }, { metadata: { name: 5 } }];
  for (const object of hopeless) {
    it(`F132: ${JSON.stringify(object)} is refused by name`, () => {
      const { key, value, problems } = decodeService(object);
      expect([key, value]).toEqual([null, null]);
      expect(problems.map(({ field }) => field)).toEqual(['metadata.name']);
    });
  }

  it('F132: a service with nothing but a name is ignored', () => {
    const object = { metadata: { name: 'cart' } };
    expect(decodeService(object)).toEqual({
      key: 'default/cart',
      value: null,
      problems: [],
      ignored: 'no-cluster-ip',
    });
  });

  it('F132: fields of the wrong shape read as absent', () => {
    const spec = {
      clusterIP: '10.96.0.1',
      ports: [{ port: 80 }],
      externalIPs: 'x',
      sessionAffinityConfig: 1,
    };
    const object = { metadata: { name: 'cart', labels: [], annotations: 0 }, spec, status: 'ok' };
    const { value, problems } = decodeService(object);
    expect(problems).toEqual([]);
    expect(value?.addresses.IPv4).toEqual({
      clusterIP: '10.96.0.1',
      externalIPs: [],
      loadBalancerIPs: [],
      sourceRanges: [],
    });
  });

  it('F135: addresses with leading zeros are refused, because programs interpret them differently', () => {
    expect(problemsOf({ spec: { clusterIP: '10.96.0.010' } })).toEqual([
      'Service shop/cart.spec.clusterIP: invalid value "10.96.0.010": must be an IP address',
    ]);
  });
});

describe('unknown values of enumerations', () => {
  const rows: readonly [string, Readonly<Record<string, unknown>>, string[]][] = [
    ['S2: an internal policy reads as Cluster', { internalTrafficPolicy: 'Near' }, ['internalTrafficPolicy']],
    [
      'S1: an external policy reads as Cluster',
      { type: 'NodePort', externalTrafficPolicy: 'local' },
      ['externalTrafficPolicy'],
    ],
    ['S30: an affinity reads as None', { sessionAffinity: 'Cookie' }, ['sessionAffinity']],
    [
      'S1: a type counts as none that is reached from outside',
      { type: 'Mesh', externalTrafficPolicy: 'Local' },
      [],
    ],
    [
      'nil reads as unset',
      { internalTrafficPolicy: null, externalTrafficPolicy: null, sessionAffinity: null },
      [],
    ],
  ];
  for (const [title, spec, fields] of rows) {
    it(`${title}, and affect nothing else`, () => {
      const { value, problems } = decodeService(serviceObject({ spec }));
      expect(value).toMatchObject({ internalPolicy: 'cluster', externalPolicy: 'cluster', affinity: null });
      expect(problems.map(({ field }) => field)).toEqual(fields.map((field) => `spec.${field}`));
    });
  }

  it('S18: an ingress entry of an unknown mode is not served', () => {
    const ingress = [{ ip: '203.0.113.1', ipMode: 'Tunnel' }, { ip: '203.0.113.2' }];
    const { value } = decodeService(serviceObject({ spec: { type: 'LoadBalancer' }, ingress }));
    expect(value?.addresses.IPv4?.loadBalancerIPs).toEqual(['203.0.113.2']);
  });
});
