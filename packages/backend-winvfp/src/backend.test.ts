import { describe, expect, it, vi } from 'vitest';
import { remoteMac } from './compile/names.ts';
import {
  balancerIP,
  clusterIP,
  endpoint,
  unownedBalancer,
  fullOf,
  NETWORK_ID,
  nodePort,
  service,
  testHost,
  writes,
  type TestHost,
} from './testing/fixtures.ts';
import { attachPod, incremental } from './testing/random-host.ts';

/** The tests contain no waits; the limit is for busy machines. */
vi.setConfig({ testTimeout: 60_000 });

const NOTHING = incremental([], [], []);
const TWO = [endpoint('10.244.1.2'), endpoint('10.244.2.2')];

function idOf(host: TestHost, vip: string): string {
  const found = host.hns.snapshot().loadBalancers.find((entry) => entry.FrontendVIPs?.[0] === vip);
  if (found === undefined) throw new Error(`no load balancer at ${vip}`);
  return found.ID;
}

describe('at the start', () => {
  it('adopts what matches, so a restart interrupts nothing', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service(), service({ name: 'n', frontends: [nodePort(30_080)] })));
    host.recorder.take();
    const again = host.restart();
    expect(
      await again.sync(fullOf(service(), service({ name: 'n', frontends: [nodePort(30_080)] }))),
    ).toMatchObject({
      outcome: 'ok',
      scope: 'full',
    });
    expect(writes(host.recorder)).toEqual([]);
  });

  it('adopts what kube-proxy left at a frontend of a Service, and removes it with the Service', async () => {
    const host = testHost();
    const [pod] = host.hns.snapshot().endpoints;
    host.hns.putLoadBalancer({
      ID: '0960CB0A-C054-4149-8C5A-4439B0408D90',
      HostComputeEndpoints: [pod?.ID.toLowerCase() ?? ''],
      FrontendVIPs: ['10.96.0.10'],
      PortMappings: [{ Protocol: 6, InternalPort: 8080, ExternalPort: 80 }],
      Flags: 1,
    });
    const web = service({ endpoints: [endpoint('10.244.1.2')] });
    await host.backend.sync(fullOf(web));
    expect(writes(host.recorder)).toEqual([]);
    await host.backend.sync(incremental([], [], [web]));
    expect(host.balancers()).toEqual({});
  });

  it('removes a remote endpoint that a kube-proxy left, and never one of another process', async () => {
    const host = testHost();
    const remote = { HostComputeNetwork: NETWORK_ID, Flags: 1 };
    host.hns.attach({
      ...remote,
      Name: 'left',
      IpConfigurations: [{ IpAddress: '10.244.9.9' }],
      MacAddress: remoteMac('10.244.9.9'),
    });
    host.hns.attach({
      ...remote,
      Name: 'other',
      IpConfigurations: [{ IpAddress: '10.244.9.8' }],
      MacAddress: '00-15-5D-00-00-01',
    });
    await host.backend.sync(fullOf(service()));
    const names = host.hns.snapshot().endpoints.map((entry) => entry.Name);
    expect(names).not.toContain('left');
    expect(names).toContain('other');
  });

  it('removes owned objects that are not desired and keeps objects of other programs', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const [pod] = host.hns.snapshot().endpoints;
    host.hns.putLoadBalancer(unownedBalancer(pod?.ID, ['203.0.113.200']));
    await host.restart().sync(fullOf());
    expect(Object.keys(host.balancers())).toEqual(['203.0.113.200:2']);
  });
});

describe('a change', () => {
  it('needs calls in proportion to the objects it touches, not to all objects', async () => {
    const host = testHost();
    const many = Array.from({ length: 200 }, (_, index) =>
      service({ name: `s${index}`, frontends: [clusterIP(`10.96.1.${index}`)], endpoints: TWO }),
    );
    await host.backend.sync(fullOf(...many));
    host.recorder.take();
    const before = many[7] ?? service();
    const after = { ...before, clusterEndpoints: [endpoint('10.244.1.2')] };
    expect(await host.backend.sync(incremental([], [{ before, after }], []))).toMatchObject({
      scope: 'partial',
    });
    expect(host.recorder.take().map((call) => call.request.op)).toEqual(['list', 'modify-load-balancer']);
  });

  it.each([
    ['15.5: in place', { version: { major: 15, minor: 5 } }, {}, ['modify-load-balancer']],
    [
      '15.4: anew',
      { version: { major: 15, minor: 4 } },
      {},
      ['delete-load-balancer', 'create-load-balancer'],
    ],
    [
      'winProxyOptimization disabled: anew',
      { version: { major: 15, minor: 5 } },
      { updateInPlace: false },
      ['delete-load-balancer', 'create-load-balancer'],
    ],
    [
      'an HNS that reports a modification which it did not make: deleted and created again',
      { modifyLies: true },
      {},
      ['modify-load-balancer', 'delete-load-balancer', 'create-load-balancer'],
    ],
  ])('of endpoints on HNS %s', async (_title, options, windows, expected) => {
    const host = testHost(options);
    const before = service({ endpoints: [endpoint('10.244.1.2'), endpoint('10.244.1.3')], windows });
    const after = service({ endpoints: [endpoint('10.244.1.2')], windows });
    await host.backend.sync(fullOf(before));
    host.recorder.take();
    expect(await host.backend.sync(incremental([], [{ before, after }], []))).toMatchObject({
      outcome: 'ok',
    });
    expect(writes(host.recorder)).toEqual(expected);
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2'] });
  });

  it('of flags is never made in place', async () => {
    const host = testHost();
    const before = service();
    const after = service({ affinity: { timeoutSeconds: 60 } });
    await host.backend.sync(fullOf(before));
    host.recorder.take();
    await host.backend.sync(incremental([], [{ before, after }], []));
    expect(writes(host.recorder)).toEqual(['delete-load-balancer', 'create-load-balancer']);
  });

  it('a remote endpoint is removed with the last load balancer that uses it', async () => {
    const host = testHost();
    const a = service({ name: 'a', frontends: [clusterIP('10.96.0.1')] });
    const b = service({ name: 'b', frontends: [clusterIP('10.96.0.2')] });
    const remotes = (): number => host.hns.snapshot().endpoints.filter((entry) => entry.Flags === 1).length;
    await host.backend.sync(fullOf(a, b));
    expect(remotes()).toBe(1);
    await host.backend.sync(incremental([], [], [a]));
    expect(remotes()).toBe(1);
    await host.backend.sync(incremental([], [], [b]));
    expect(remotes()).toBe(0);
  });

  it('a new local pod is found without listing everything', async () => {
    const host = testHost();
    const before = service({ endpoints: [endpoint('10.244.1.2')] });
    await host.backend.sync(fullOf(before));
    attachPod(host.hns, '10.244.1.7');
    host.recorder.take();
    const after = service({ endpoints: [endpoint('10.244.1.2'), endpoint('10.244.1.7')] });
    expect(await host.backend.sync(incremental([], [{ before, after }], []))).toMatchObject({
      outcome: 'ok',
    });
    const listed = host.recorder
      .take()
      .flatMap(({ request }) => (request.op === 'list' ? [request.kind] : []));
    expect(listed).toEqual(['network', 'endpoint']);
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.1.7'] });
  });

  it('a local pod without an HNS endpoint is reported, left out, and taken in when the endpoint comes', async () => {
    const host = testHost();
    const web = service({ endpoints: [endpoint('10.244.1.2'), endpoint('10.244.1.8')] });
    const result = await host.backend.sync(fullOf(web));
    expect(result).toMatchObject({
      outcome: 'partial',
      failures: [{ key: web.key, error: { code: 'not-found' } }],
    });
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2'] });
    attachPod(host.hns, '10.244.1.8');
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.1.8'] });
  });

  it('a pod on the host network has no HNS endpoint: this is not reported as a failure', async () => {
    const host = testHost();
    const web = service({
      endpoints: [endpoint('10.244.1.2'), { address: '192.0.2.10', port: 8080, isLocal: true }],
    });
    expect(await host.backend.sync(fullOf(web))).toMatchObject({ outcome: 'ok' });
  });

  it('the load balancer of a service is removed with its last endpoint', async () => {
    const host = testHost();
    const before = service();
    await host.backend.sync(fullOf(before));
    const after = service({ endpoints: [] });
    await host.backend.sync(incremental([], [{ before, after }], []));
    expect(host.hns.snapshot().loadBalancers).toEqual([]);
    expect(host.hns.snapshot().endpoints.every((entry) => entry.Flags !== 1)).toBe(true);
  });
});

describe('a modification of owned objects by another process', () => {
  it('is repaired at the next empty sync, and reported', async () => {
    const host = testHost();
    await host.backend.sync(
      fullOf(service(), service({ name: 'b', frontends: [balancerIP('203.0.113.9')] })),
    );
    host.hns.dropLoadBalancer(idOf(host, '10.96.0.10'));
    expect(await host.backend.observe()).toEqual({
      outcome: 'ok',
      drift: [{ kind: 'missing', type: 'load balancer', name: '10.96.0.10:80/tcp' }],
    });
    expect(await host.backend.sync(NOTHING)).toMatchObject({
      outcome: 'ok',
      repaired: [{ kind: 'missing', type: 'load balancer', name: '10.96.0.10:80/tcp' }],
    });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok', repaired: [], counters: {} });
  });

  it('altered documents are found too', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const [balancer] = host.hns.snapshot().loadBalancers;
    if (balancer === undefined) throw new Error('no load balancer');
    host.hns.putLoadBalancer({ ...balancer, Flags: 0 });
    expect(await host.backend.sync(NOTHING)).toMatchObject({
      repaired: [{ kind: 'altered', type: 'load balancer', name: '10.96.0.10:80/tcp' }],
    });
    expect(host.hns.snapshot().loadBalancers[0]?.Flags).toBe(1);
  });
});

describe('HNS stops and starts', () => {
  it('k/k#139519: a failed query is never read as an empty list', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    host.hns.stop();
    expect(await host.backend.sync(NOTHING)).toMatchObject({
      outcome: 'failed',
      error: { code: 'unavailable' },
    });
    host.hns.start('keep');
    host.recorder.take();
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(writes(host.recorder)).toEqual([]);
  });

  it('load balancers that HNS lost are made again', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    host.hns.stop();
    host.hns.start('lose');
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.2.2'] });
  });

  it('load balancers that HNS does not list yet are not made twice, and adopted when it does', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    host.hns.stop();
    host.hns.start('hide');
    expect(await host.backend.sync(NOTHING)).toMatchObject({
      outcome: 'partial',
      failures: [{ error: { code: 'exists', operation: 'HcnCreateLoadBalancer' } }],
    });
    host.hns.rehydrate();
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().loadBalancers).toHaveLength(1);
  });

  it('a network that was created again gets all objects again', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    host.hns.removeNetwork(NETWORK_ID);
    expect(await host.backend.sync(NOTHING)).toMatchObject({
      outcome: 'failed',
      error: { code: 'not-found' },
    });
    host.hns.addNetwork({
      Name: 'cbr0',
      Type: 'L2Bridge',
      Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }],
    });
    attachPod(host.hns, '10.244.1.2');
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.2.2'] });
  });

  it('a network that was created again between two syncs is detected by the first change', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    host.hns.removeNetwork(NETWORK_ID);
    host.hns.addNetwork({
      Name: 'cbr0',
      Type: 'L2Bridge',
      Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }],
    });
    attachPod(host.hns, '10.244.1.2');
    host.recorder.take();
    const other = service({ name: 'other', frontends: [clusterIP('10.96.0.11')] });
    expect(await host.backend.sync(incremental([other], [], []))).toMatchObject({
      outcome: 'ok',
      scope: 'full',
    });
    // Every write succeeds at once: none used ids of the old network.
    expect(writes(host.recorder)).toEqual([
      'create-endpoint',
      'create-load-balancer',
      'create-load-balancer',
    ]);
  });

  it('after HNS was unreachable its version is queried again: HNS may have been updated', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    host.hns.stop();
    await host.backend.sync(NOTHING);
    host.hns.start('keep');
    host.recorder.take();
    await host.backend.sync(NOTHING);
    await host.backend.sync(NOTHING);
    const asked = host.recorder.take().filter((call) => call.request.op === 'hns');
    expect(asked).toHaveLength(1);
  });

  it('a clean-up is followed by a full sync, whatever comes next', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    expect(await host.backend.cleanup()).toEqual({
      outcome: 'ok',
      removed: ['1 load balancers', '1 endpoints'],
    });
    const other = service({ name: 'other', frontends: [clusterIP('10.96.0.11')] });
    expect(await host.backend.sync(incremental([other], [], []))).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers()).sort()).toEqual(['10.96.0.10:80', '10.96.0.11:80']);
  });

  it('a node port used by a listening process is reported with its owner, and programmed when it is free', async () => {
    const host = testHost();
    host.hns.listen(6, 30_080);
    const web = service({ frontends: [clusterIP('10.96.0.10'), nodePort(30_080)] });
    expect(await host.backend.sync(fullOf(web))).toMatchObject({
      outcome: 'partial',
      failures: [{ key: web.key, error: { code: 'exists', kernel: 'unchanged' } }],
    });
    expect(Object.keys(host.balancers())).toEqual(['10.96.0.10:80']);
    host.hns.unlisten(6, 30_080);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers()).sort()).toEqual(['*:30080', '10.96.0.10:80']);
  });

  it('more than 64 endpoints without DSR are refused by old versions: that service alone fails', async () => {
    const host = testHost({}, { enableDSR: false });
    const many = Array.from({ length: 65 }, (_, index) => endpoint(`10.244.3.${index + 1}`));
    const big = service({ name: 'big', frontends: [clusterIP('10.96.0.1')], endpoints: many });
    const small = service({ name: 'small', frontends: [clusterIP('10.96.0.2')] });
    const result = await host.backend.sync(fullOf(big, small));
    expect(result).toMatchObject({
      outcome: 'partial',
      failures: [{ key: big.key, error: { code: 'rejected' } }],
    });
    expect(result.failures[0]?.error.detail).toContain('invalid number of destinations');
    expect(Object.keys(host.balancers())).toEqual(['10.96.0.2:80']);
  });
});

describe('a configuration that cannot work is refused before anything is written', () => {
  it.each([
    [{ version: { major: 9, minor: 1 } }, {}, 'L2Bridge', 'older than 9.2'],
    [{ version: { major: 10, minor: 1 } }, {}, 'L2Bridge', '--enable-dsr: HNS 10.1'],
    [{}, { hostMac: '02-fc-00-00-00-01' }, 'Overlay', '--source-vip'],
    [{}, { sourceVip: '10.244.1.100' }, 'Overlay', 'MAC address'],
  ] as const)('%j %j on %s', async (hns, options, Type, text) => {
    const host = testHost(hns, options);
    host.hns.addNetwork({ Name: 'cbr0', Type }, NETWORK_ID);
    const result = await host.backend.sync(fullOf(service()));
    expect(result.outcome).toBe('failed');
    expect(result.error?.message).toContain(text);
    expect(writes(host.recorder)).toEqual([]);
  });

  it('F59: without its network there is nothing to do yet', async () => {
    const host = testHost({}, { networkName: 'other' });
    const result = await host.backend.sync(fullOf(service()));
    expect(result.error?.message).toContain('HNS network "other" not found');
  });
});
