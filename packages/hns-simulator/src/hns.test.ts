import { describe, expect, it } from 'vitest';
import { createHns, type Hns, type HnsReply } from './hns.ts';
import { HR } from './hresult.ts';
import type { HnsOptions } from './state.ts';

const NETWORK = '11111111-1111-1111-1111-111111111111';
const ANY = '00000000-0000-0000-0000-000000000000';
const QUERY = '{"SchemaVersion":{"Major":2,"Minor":0}}';

function host(options: HnsOptions = {}, Type = 'L2Bridge'): Hns {
  const hns = createHns({ hostAddresses: ['192.0.2.10', '127.0.0.1', '2001:db8::10'], ...options });
  const Routes = [{ NextHop: '10.244.1.1', DestinationPrefix: '0.0.0.0/0' }];
  const Subnets = [{ IpAddressPrefix: '10.244.1.0/24', Routes }, { IpAddressPrefix: 'fd00:1::/64' }];
  hns.addNetwork({ Name: 'cbr0', Type, Ipams: [{ Subnets }] }, NETWORK);
  return hns;
}

function pod(hns: Hns, ...addresses: readonly string[]): string {
  const IpConfigurations = addresses.map((IpAddress) => ({ IpAddress }));
  return hns.attach({ HostComputeNetwork: NETWORK, IpConfigurations }).ID;
}

function createEndpoint(hns: Hns, settings: object, id = ANY): HnsReply {
  const network = hns.call('HcnOpenNetwork', [NETWORK]);
  const reply = hns.call('HcnCreateEndpoint', [network.handle ?? 0, id, JSON.stringify(settings)]);
  hns.call('HcnCloseNetwork', [network.handle ?? 0]);
  if (reply.handle !== undefined) hns.call('HcnCloseEndpoint', [reply.handle]);
  return reply;
}

interface Shape {
  readonly endpoints: readonly string[];
  readonly vip?: string;
  readonly flags?: number;
  readonly mapping?: object;
}

function settings({ endpoints, vip = '10.96.0.10', flags = 0, mapping = {} }: Shape): string {
  return JSON.stringify({
    HostComputeEndpoints: endpoints,
    ...(vip === '' ? {} : { FrontendVIPs: [vip] }),
    PortMappings: [{ Protocol: 6, InternalPort: 8080, ExternalPort: 80, ...mapping }],
    Flags: flags,
  });
}

function createBalancer(hns: Hns, shape: Shape, id = ANY): HnsReply {
  const reply = hns.call('HcnCreateLoadBalancer', [id, settings(shape)]);
  if (reply.handle !== undefined) hns.call('HcnCloseLoadBalancer', [reply.handle]);
  return reply;
}

const remote = (address: string): object => ({ IpConfigurations: [{ IpAddress: address }], Flags: 1 });

describe('endpoints', () => {
  it.each([
    ['outside every subnet', { IpConfigurations: [{ IpAddress: '10.9.9.9' }] }, HR.invalidIpAddress],
    ['the gateway', { IpConfigurations: [{ IpAddress: '10.244.1.1' }] }, HR.addressReserved],
    ['no address', {}, HR.invalidIpAddress],
    ['a taken address', { IpConfigurations: [{ IpAddress: '10.244.1.2' }] }, HR.objectExists],
    ['a taken address, remote', remote('10.244.1.2'), HR.objectExists],
    ['a taken IPv6 address in another spelling', remote('fd00:1:0::2'), HR.objectExists],
    ['no MAC address', { ...remote('10.244.2.2'), MacAddress: 'x' }, HR.invalidArgument],
    ['a remote one anywhere', remote('10.244.2.2'), HR.ok],
  ])('%s', (_title, document, hr) => {
    const hns = host();
    pod(hns, '10.244.1.2', 'fd00:1::2');
    expect(createEndpoint(hns, document).hr).toBe(hr);
    expect(hns.openHandles()).toBe(0);
  });

  it('a remote one on an overlay needs a provider address', () => {
    const hns = host({}, 'Overlay');
    expect(createEndpoint(hns, remote('10.244.2.2')).hr).toBe(HR.invalidPolicy);
    const Policies = [{ Type: 'ProviderAddress', Settings: { ProviderAddress: '192.0.2.20' } }];
    expect(createEndpoint(hns, { ...remote('10.244.2.2'), Policies }).hr).toBe(HR.ok);
  });

  it('cannot go while a load balancer refers to it', () => {
    const hns = host();
    const id = pod(hns, '10.244.1.2');
    createBalancer(hns, { endpoints: [id] });
    expect(hns.call('HcnDeleteEndpoint', [id]).hr).toBe(HR.hasReferences);
  });
});

describe('load balancers', () => {
  const many = (hns: Hns, count: number): readonly string[] =>
    Array.from({ length: count }, (_, index) => pod(hns, `10.244.1.${index + 2}`));

  it.each([
    ['unknown endpoint', { endpoints: [NETWORK] }, HR.endpointNotFound],
    ['no endpoint', { endpoints: [] }, HR.invalidArgument],
    ['no internal port', { mapping: { InternalPort: 0 } }, HR.invalidInternalPort],
    ['unknown protocol', { mapping: { Protocol: 1 } }, HR.invalidPolicy],
    ['an IPv6 VIP without the flag', { vip: 'fd00::a' }, HR.invalidPolicy],
    ['IPv6 over endpoints of IPv4', { vip: 'fd00::a', flags: 2 }, HR.invalidPolicy],
    ['the same VIP and port again', { vip: '10.96.0.1' }, HR.portAlreadyExists],
    ['the same VIP, another protocol', { vip: '10.96.0.1', mapping: { Protocol: 17 } }, HR.ok],
    [
      'a port of the host that a process listens on',
      { vip: '', mapping: { ExternalPort: 10_256 } },
      HR.portAlreadyExists,
    ],
  ] as const)('%s', (_title, shape, hr) => {
    const hns = host();
    const id = pod(hns, '10.244.1.2');
    hns.listen(6, 10_256);
    createBalancer(hns, { endpoints: [id], vip: '10.96.0.1' });
    expect(createBalancer(hns, { endpoints: [id], ...shape }).hr).toBe(hr);
    expect(hns.openHandles()).toBe(0);
  });

  it('take 64 endpoints without DSR, any number with it', () => {
    const hns = host();
    const endpoints = many(hns, 65);
    expect(createBalancer(hns, { endpoints }).hr).toBe(HR.invalidArgument);
    expect(createBalancer(hns, { endpoints, flags: 1 }).hr).toBe(HR.ok);
    expect(createBalancer(hns, { endpoints: endpoints.slice(1), vip: '10.96.0.11' }).hr).toBe(HR.ok);
  });

  it.each([
    [{ major: 9, minor: 2 }, HR.notSupported],
    [{ major: 9, minor: 3 }, HR.ok],
    [{ major: 10, minor: 1 }, HR.notSupported],
    [{ major: 10, minor: 2 }, HR.ok],
  ])('DSR on version %j', (version, hr) => {
    const hns = host({ version });
    expect(createBalancer(hns, { endpoints: [pod(hns, '10.244.1.2')], flags: 1 }).hr).toBe(hr);
  });

  it.each([
    ['15.4', { version: { major: 15, minor: 4 } }, HR.notImplemented, 8080],
    ['15.5', {}, HR.ok, 9090],
    ['one that reports success without a change', { modifyLies: true }, HR.ok, 8080],
  ])('modify on %s', (_title, options, hr, port) => {
    const hns = host(options);
    const endpoints = [pod(hns, '10.244.1.2')];
    const created = hns.call('HcnCreateLoadBalancer', [ANY, settings({ endpoints })]);
    const changed = settings({ endpoints, mapping: { InternalPort: 9090 } });
    expect(hns.call('HcnModifyLoadBalancer', [created.handle ?? 0, changed]).hr).toBe(hr);
    expect(hns.snapshot().loadBalancers[0]?.PortMappings[0]?.InternalPort).toBe(port);
  });

  it('keep the id asked for, and refuse it twice', () => {
    const hns = host();
    const id = pod(hns, '10.244.1.2');
    const wanted = '53674278-0000-8000-B000-000000000001';
    createBalancer(hns, { endpoints: [id] }, wanted.toLowerCase());
    expect(hns.snapshot().loadBalancers[0]?.ID).toBe(wanted);
    expect(createBalancer(hns, { endpoints: [id], vip: '10.96.0.11' }, wanted).hr).toBe(HR.alreadyExists);
  });
});

describe('calls', () => {
  it('filters are JSON in JSON, ids come in mixed case, zero fields are left out', () => {
    const hns = host();
    const id = pod(hns, '10.244.1.2');
    createBalancer(hns, { endpoints: [id] });
    const filter = JSON.stringify({ Filter: JSON.stringify({ VirtualNetwork: NETWORK }) });
    const listed = [1, 2, 3].map(() => hns.call('HcnEnumerateEndpoints', [filter]).text ?? '');
    expect(new Set(listed.map((text) => text.toUpperCase())).size).toBe(1);
    expect(new Set(listed).size).toBe(2);
    expect(hns.call('HcnEnumerateEndpoints', ['{"Filter":"{\\"Name\\":\\"no\\"}"}']).text).toBe('[]');
    const ids = JSON.parse(hns.call('HcnEnumerateLoadBalancers', [QUERY]).text ?? '[]') as readonly string[];
    const opened = hns.call('HcnOpenLoadBalancer', [ids[0] ?? '']);
    const text = hns.call('HcnQueryLoadBalancerProperties', [opened.handle ?? 0, QUERY]).text ?? '';
    expect(JSON.parse(text)).not.toHaveProperty('Flags');
    expect(hns.openHandles()).toBe(1);
    expect(hns.call('HcnCloseLoadBalancer', [opened.handle ?? 0]).hr).toBe(HR.ok);
    expect(hns.call('HcnCloseLoadBalancer', [opened.handle ?? 0]).hr).toBe(HR.invalidHandle);
  });

  it('a stopped service answers nothing, and load balancers may hide after its start', () => {
    const hns = host();
    const endpoints = [pod(hns, '10.244.1.2')];
    createBalancer(hns, { endpoints });
    hns.stop();
    expect(hns.call('HcnEnumerateLoadBalancers', [QUERY]).hr).toBe(HR.rpcUnavailable);
    hns.start('hide');
    expect(hns.call('HcnEnumerateLoadBalancers', [QUERY]).text).toBe('[]');
    expect(createBalancer(hns, { endpoints }).hr).toBe(HR.alreadyExists);
    hns.rehydrate();
    expect(createBalancer(hns, { endpoints }).hr).toBe(HR.portAlreadyExists);
  });

  it('a text that is no JSON, a call that does not exist', () => {
    const hns = host();
    expect(hns.call('HcnCreateLoadBalancer', [ANY, '{']).hr).toBe(HR.invalidJson);
    expect(hns.call('HcnDeleteNetwork', [NETWORK]).hr).toBe(HR.notImplemented);
  });
});

describe('packets', () => {
  const packet = { protocol: 6, source: '10.244.1.9', destination: '10.96.0.10', destinationPort: 80 };

  it('follow a VIP; without DSR the endpoint sees this host', () => {
    const hns = host();
    const endpoints = [pod(hns, '10.244.1.3'), pod(hns, '10.244.1.2')];
    createBalancer(hns, { endpoints });
    createBalancer(hns, { endpoints, vip: '10.96.0.11', flags: 1, mapping: { DistributionType: 2 } });
    expect(hns.route(packet)).toMatchObject({
      destinations: [
        { address: '10.244.1.2', port: 8080, fromHost: true },
        { address: '10.244.1.3', port: 8080, fromHost: true },
      ],
      sticky: false,
    });
    const direct = hns.route({ ...packet, destination: '10.96.0.11' });
    expect(direct?.destinations.map((entry) => entry.fromHost)).toEqual([false, false]);
    expect(direct?.sticky).toBe(true);
  });

  it('reach a node port on every address of the host but loopback, in its family', () => {
    const hns = host();
    createBalancer(hns, { endpoints: [pod(hns, '10.244.1.2')], vip: '', mapping: { ExternalPort: 30_080 } });
    const to = (destination: string): unknown =>
      hns.route({ ...packet, destination, destinationPort: 30_080 });
    expect(to('192.0.2.10')).not.toBeNull();
    expect(to('127.0.0.1')).toBeNull();
    expect(to('2001:db8::10')).toBeNull();
    expect(to('192.0.2.99')).toBeNull();
  });

  it('pass where no load balancer is', () => {
    expect(host().route(packet)).toBeNull();
  });
});
