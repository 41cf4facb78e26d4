import { describe, expect, it } from 'vitest';
import { featuresOf } from '../objects/hns-version.ts';
import type { CompileContext, DesiredLoadBalancer } from '../objects/desired.ts';
import {
  balancerIP,
  clusterIP,
  context,
  endpoint,
  externalIP,
  nodePort,
  OVERLAY,
  service,
  type ServiceShape,
} from '../testing/fixtures.ts';
import { compileService } from './service-dispatch.ts';

const IPV6: Partial<CompileContext> = { family: 'IPv6' };
const OLD: Partial<CompileContext> = { features: featuresOf({ major: 9, minor: 2 }) };

function compile(shape: ServiceShape, more: Partial<CompileContext> = {}): readonly DesiredLoadBalancer[] {
  return compileService(service(shape), null, context(more)).loadBalancers;
}

interface Row {
  readonly title: string;
  readonly shape: ServiceShape;
  readonly context?: Partial<CompileContext>;
  /** LB flags, port-mapping flags, addresses. */
  readonly expected: readonly [number, number, readonly string[]];
}

const ALL = ['10.244.1.2', '10.244.2.2'];
const LOCAL = ['10.244.1.2'];

const ROWS: readonly Row[] = [
  {
    title: 'a cluster IP with DSR',
    shape: { frontends: [clusterIP('10.96.0.10')] },
    expected: [1, 0, ALL],
  },
  {
    title: 'F60: a cluster IP without --enable-dsr',
    shape: { frontends: [clusterIP('10.96.0.10')] },
    context: { enableDSR: false },
    expected: [0, 0, ALL],
  },
  {
    title: 'internalTrafficPolicy Local',
    shape: { frontends: [clusterIP('10.96.0.10', 'local')] },
    expected: [1, 0, LOCAL],
  },
  {
    title: 'a node port is an external VIP and locally routed',
    shape: { frontends: [nodePort(30_080)] },
    expected: [0, 18, ALL],
  },
  {
    title:
      'a node port with policy Local keeps the client address by DSR, whatever the value of --enable-dsr',
    shape: { frontends: [nodePort(30_080, 'local')] },
    context: { enableDSR: false },
    expected: [1, 18, LOCAL],
  },
  {
    title: 'an external IP',
    shape: { frontends: [externalIP('203.0.113.1')] },
    expected: [0, 16, ALL],
  },
  {
    title: 'a load-balancer address with policy Local',
    shape: { frontends: [balancerIP('203.0.113.9', 'local')] },
    expected: [1, 16, LOCAL],
  },
  {
    title: 'preserve-destination sends the load balancer address to local endpoints, unchanged',
    shape: { frontends: [balancerIP('203.0.113.9')], windows: { preserveDestination: true } },
    expected: [1, 28, LOCAL],
  },
  {
    title: 'preserve-destination gives the node port local endpoints without DSR',
    shape: { frontends: [nodePort(30_080)], windows: { preserveDestination: true } },
    expected: [0, 18, LOCAL],
  },
  {
    title: 'preserve-destination does nothing to an external IP',
    shape: { frontends: [externalIP('203.0.113.1')], windows: { preserveDestination: true } },
    expected: [0, 16, ALL],
  },
  {
    title: 'without DSR in HNS policy Local goes to all endpoints',
    shape: { frontends: [balancerIP('203.0.113.9', 'local')] },
    context: OLD,
    expected: [0, 16, ALL],
  },
  {
    title: 'without DSR in HNS preserve-destination is off',
    shape: { frontends: [balancerIP('203.0.113.9')], windows: { preserveDestination: true } },
    context: OLD,
    expected: [0, 16, ALL],
  },
  {
    title: 'IPv6 has its flag',
    shape: {
      frontends: [clusterIP('fd00:10:96::a')],
      endpoints: [endpoint('fd00:10:244:1::2'), endpoint('fd00:10:244:2::2')],
    },
    context: IPV6,
    expected: [3, 0, ['fd00:10:244:1::2', 'fd00:10:244:2::2']],
  },
];

describe('one frontend to one load balancer', () => {
  it.each(ROWS)('$title', ({ shape, context: more, expected }) => {
    const [balancer, ...rest] = compile(shape, more);
    expect(rest).toEqual([]);
    const flags = balancer?.settings.PortMappings[0]?.Flags ?? 0;
    const addresses = balancer?.endpoints.map((ref) => ('address' in ref ? ref.address : ref.name));
    expect([balancer?.settings.Flags ?? 0, flags, addresses]).toEqual(expected);
  });

  it('S30, S31: session affinity is distribution by source address', () => {
    const [balancer] = compile({ affinity: { timeoutSeconds: 60 } });
    expect(balancer?.settings.PortMappings).toEqual([
      { Protocol: 6, InternalPort: 8080, ExternalPort: 80, DistributionType: 2 },
    ]);
  });

  it.each([
    ['TCP', 6],
    ['UDP', 17],
    ['SCTP', 132],
  ] as const)('S50: %s is protocol %d', (protocol, number) => {
    expect(compile({ protocol })[0]?.settings.PortMappings[0]?.Protocol).toBe(number);
  });

  it('S56: a frontend without endpoints has no load balancer, the other frontends of the service have one', () => {
    const remoteOnly = [endpoint('10.244.2.2')];
    const frontends = [clusterIP('10.96.0.10'), balancerIP('203.0.113.9', 'local')];
    expect(compile({ frontends, endpoints: remoteOnly }).map((entry) => entry.frontend)).toEqual([
      '10.96.0.10:80/tcp',
    ]);
    expect(compile({ frontends, endpoints: [] })).toEqual([]);
  });

  it('S41: an empty list of node-port addresses turns node ports off', () => {
    const off = { nodePorts: { kind: 'ranges', cidrs: [], loopback: false } } as const;
    expect(compile({ frontends: [nodePort(30_080)] }, off)).toEqual([]);
  });

  it('takes the port that most endpoints serve and leaves the others out: a mapping has one internal port', () => {
    const endpoints = [endpoint('10.244.1.2', 9090), endpoint('10.244.2.2'), endpoint('10.244.2.3')];
    const [balancer] = compile({ endpoints });
    expect(balancer?.settings.PortMappings[0]?.InternalPort).toBe(8080);
    expect(balancer?.endpoints).toHaveLength(2);
  });
});

describe('F58: the source VIP of an overlay', () => {
  const sourceVip = (endpoints: ServiceShape['endpoints'], more = OVERLAY): string | undefined =>
    compile(endpoints === undefined ? {} : { endpoints }, more)[0]?.settings.SourceVIP;

  it('is the configured one for pods of known subnets', () => {
    expect(sourceVip([endpoint('10.244.1.2'), endpoint('10.244.2.2')])).toBe('10.244.1.100');
  });
  it('is the node address as soon as one endpoint lies in no known subnet', () => {
    expect(sourceVip([endpoint('10.244.2.2'), endpoint('172.16.0.9')])).toBe('192.0.2.10');
  });
  it('is the node address for an endpoint that is a node itself', () => {
    const network = {
      id: 'N',
      overlay: true,
      remoteSubnets: [{ prefix: '192.0.2.0/24', providerAddress: '192.0.2.20' }],
    };
    expect(sourceVip([endpoint('192.0.2.20')], { ...OVERLAY, network })).toBe('192.0.2.10');
  });
  it('does not exist on a bridge', () => {
    expect(sourceVip([endpoint('172.16.0.9')], {})).toBeUndefined();
  });
});

describe('endpoints that an overlay needs', () => {
  it('a remote pod is reached through the node that carries its subnet, any other through this node', () => {
    const [balancer] = compile({ endpoints: [endpoint('10.244.2.2'), endpoint('172.16.0.9')] }, OVERLAY);
    const policies = balancer?.endpoints.map((ref) =>
      ref.kind === 'remote' ? ref.endpoint.settings.Policies?.[0]?.Settings['ProviderAddress'] : 'local',
    );
    expect(policies).toEqual(['192.0.2.20', '192.0.2.10']);
  });

  it('the cluster IP gets an endpoint with the MAC address of the host', () => {
    const { serviceVip } = compileService(service(), null, context(OVERLAY));
    expect(serviceVip?.settings).toMatchObject({
      IpConfigurations: [{ IpAddress: '10.96.0.10' }],
      MacAddress: '02-fc-00-00-00-01',
      Flags: 1,
      Policies: [{ Type: 'ProviderAddress', Settings: { ProviderAddress: '192.0.2.10' } }],
    });
    expect(compileService(service(), null, context()).serviceVip).toBeNull();
  });
});

describe('F61, F62: health checks at the address of the load balancer', () => {
  const forward = { healthCheckVip: { endpointName: 'cbr0_ep', healthzPort: 10_256 } };
  const shape: ServiceShape = { frontends: [balancerIP('203.0.113.9')] };
  const health = (
    port: number | null,
    more: Partial<CompileContext>,
    windows = {},
  ): DesiredLoadBalancer | undefined =>
    compileService(service({ ...shape, windows }), port, context({ ...forward, ...more })).loadBalancers[1];

  it('go to the gateway endpoint at the health port of the proxy', () => {
    expect(health(null, {})).toMatchObject({
      frontend: '203.0.113.9:10256/tcp',
      endpoints: [{ kind: 'named', name: 'cbr0_ep' }],
      settings: { PortMappings: [{ Protocol: 6, InternalPort: 10_256, ExternalPort: 10_256 }] },
    });
  });
  it('go to healthCheckNodePort where the service has one', () => {
    expect(health(31_000, {})?.settings.PortMappings[0]).toMatchObject({
      InternalPort: 31_000,
      ExternalPort: 31_000,
    });
  });
  it('keep the destination where the service specifies it', () => {
    expect(health(null, {}, { preserveDestination: true })?.settings.PortMappings[0]?.Flags).toBe(12);
  });
  it('have the IPv6 flag, which kube-proxy omits', () => {
    expect(health(null, { family: 'IPv6' })?.settings.Flags).toBe(2);
  });
});
