/** Objects that conflict with a load balancer or an endpoint, and objects that are left over. */
import { HR, type HnsOptions } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import type { Backend } from '@signalbox/core';
import { createWinvfpBackend, type WinvfpBackend } from './backend.ts';
import {
  balancerIP,
  clusterIP,
  endpoint,
  unownedBalancer,
  fullOf,
  healthCheck,
  NETWORK_ID,
  service,
  testHost,
  writes,
  type TestHost,
} from './testing/fixtures.ts';
import { attachPod, incremental } from './testing/random-host.ts';

const NOTHING = incremental([], [], []);

function remotes(host: TestHost): readonly string[] {
  const remote = host.hns.snapshot().endpoints.filter((entry) => entry.Flags === 1);
  return remote.flatMap((entry) => (entry.IpConfigurations ?? []).map((ip) => ip.IpAddress));
}

describe('F62: HNS refuses a load balancer at the port of the health server of the proxy', () => {
  const web = service({ frontends: [clusterIP('10.96.0.10'), balancerIP('203.0.113.9')] });
  const probe = '203.0.113.9:10256';

  function hostWithListener(options: HnsOptions = {}): TestHost {
    const host = testHost({ listenersBlockVips: true, ...options }, { forwardHealthCheckVip: true });
    host.hns.attach({
      Name: 'cbr0',
      HostComputeNetwork: NETWORK_ID,
      IpConfigurations: [{ IpAddress: '10.244.1.9' }],
    });
    host.hns.listen(6, 10_256);
    return host;
  }
  const unsupported = (backend: Backend): readonly string[] =>
    (backend as WinvfpBackend).unsupported().map((entry) => `${entry.frontend}: ${entry.reason}`);

  it('reports it once, with the Service, and programs the rest', async () => {
    const host = hostWithListener();
    const result = await host.backend.sync(fullOf(web));
    expect(result).toMatchObject({
      outcome: 'partial',
      failures: [{ key: web.key, error: { code: 'exists', kernel: 'unchanged' } }],
    });
    expect(result.failures[0]?.error.message).toMatch(
      /^203\.0\.113\.9:10256\/tcp: .*0x803b0013.*; not retried: the proxy itself listens on this port$/,
    );
    expect(Object.keys(host.balancers()).sort()).toEqual(['10.96.0.10:80', '203.0.113.9:80']);
    expect(unsupported(host.backend)).toContain(
      '203.0.113.9:10256/tcp: this HNS makes no load balancer at a port on which the proxy itself listens',
    );
  });

  it('does not try again, neither by itself nor when the endpoints of the Service change', async () => {
    const host = hostWithListener();
    await host.backend.sync(fullOf(web));
    host.recorder.take();
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok', failures: [], repaired: [] });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(writes(host.recorder)).toEqual([]);
    const after = { ...web, clusterEndpoints: [endpoint('10.244.1.2')] };
    expect(await host.backend.sync(incremental([], [{ before: web, after }], []))).toMatchObject({
      outcome: 'ok',
    });
    expect(writes(host.recorder)).not.toContain('create-load-balancer');
  });

  it('also detects the refusal in a sync that lists nothing', async () => {
    const host = hostWithListener();
    await host.backend.sync(fullOf());
    expect(await host.backend.sync(incremental([web], [], []))).toMatchObject({ outcome: 'partial' });
    host.recorder.take();
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(writes(host.recorder)).toEqual([]);
  });

  it('tries again after HNS was unreachable', async () => {
    const host = hostWithListener();
    await host.backend.sync(fullOf(web));
    host.hns.stop();
    await host.backend.sync(NOTHING);
    host.hns.start('keep');
    host.hns.unlisten(6, 10_256);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers())).toContain(probe);
    expect(unsupported(host.backend).join()).not.toContain('10256');
  });

  it('tries again when the desired load balancer changes, and drops the refusal with the Service', async () => {
    const host = hostWithListener();
    await host.backend.sync(fullOf(web));
    host.hns.unlisten(6, 10_256);
    const after = service({
      frontends: web.frontends,
      windows: { preserveDestination: true },
    });
    await host.backend.sync(incremental([], [{ before: web, after }], []));
    expect(Object.keys(host.balancers())).toContain(probe);
    expect(unsupported(host.backend).join()).not.toContain('10256/tcp: this HNS');
    await host.backend.sync(incremental([], [], [after]));
    expect(host.balancers()).toEqual({});
    expect(unsupported(host.backend)).toEqual([]);
  });

  it('tries again at each sync where another load balancer has the port', async () => {
    const host = hostWithListener();
    host.hns.unlisten(6, 10_256);
    const [pod] = host.hns.snapshot().endpoints;
    const other = unownedBalancer(pod?.ID, ['203.0.113.9', '203.0.113.200']);
    const mapping = { Protocol: 6, InternalPort: 1, ExternalPort: 10_256 };
    host.hns.putLoadBalancer({ ...other, PortMappings: [mapping] });
    expect(await host.backend.sync(fullOf(web))).toMatchObject({ outcome: 'partial' });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'partial' });
    host.hns.dropLoadBalancer(other.ID);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers())).toContain(probe);
  });

  it('tries again where another load balancer took the port since the last listing', async () => {
    const host = hostWithListener();
    host.hns.unlisten(6, 10_256);
    await host.backend.sync(fullOf());
    const [pod] = host.hns.snapshot().endpoints;
    const other = unownedBalancer(pod?.ID, ['203.0.113.9', '203.0.113.200']);
    const mapping = { Protocol: 6, InternalPort: 1, ExternalPort: 10_256 };
    host.hns.putLoadBalancer({ ...other, PortMappings: [mapping] });
    expect(await host.backend.sync(incremental([web], [], []))).toMatchObject({ outcome: 'partial' });
    host.hns.dropLoadBalancer(other.ID);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers())).toContain(probe);
  });

  it('tries again at each sync where the port is another one: its listener may end', async () => {
    const host = hostWithListener();
    host.hns.listen(6, 31_000);
    const change = fullOf(web);
    const check = healthCheck('web', 31_000);
    const withCheck = { ...change, healthChecks: { added: [check], changed: [], removed: [] } };
    expect(await host.backend.sync(withCheck)).toMatchObject({ outcome: 'partial' });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'partial' });
    host.hns.unlisten(6, 31_000);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers())).toContain('203.0.113.9:31000');
  });
});

describe('k/k#138000: a pod address that moves to this node', () => {
  const before = service({
    endpoints: [endpoint('10.244.1.2'), { address: '10.244.1.50', port: 8080, isLocal: false }],
  });

  it('leaves no remote endpoint beside the local one, though the Service still names the old node', async () => {
    const host = testHost({ sharedAddresses: true });
    await host.backend.sync(fullOf(before));
    attachPod(host.hns, '10.244.1.50');
    expect(await host.backend.observe()).toEqual({
      outcome: 'ok',
      drift: [{ kind: 'altered', type: 'load balancer', name: '10.96.0.10:80/tcp' }],
    });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(remotes(host)).toEqual([]);
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.1.50'] });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('is used on its node as soon as the Service selects it', async () => {
    const host = testHost({ sharedAddresses: true });
    await host.backend.sync(fullOf(before));
    attachPod(host.hns, '10.244.1.50');
    const after = service({ endpoints: [endpoint('10.244.1.2'), endpoint('10.244.1.50')] });
    expect(await host.backend.sync(incremental([], [{ before, after }], []))).toMatchObject({
      outcome: 'ok',
      scope: 'partial',
    });
    expect(remotes(host)).toEqual([]);
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.1.50'] });
  });
});

describe('k/k#141489: a load balancer without port mappings', () => {
  it('of another process changes nothing and stays', async () => {
    const host = testHost();
    host.hns.putLoadBalancer({ ID: 'F0000000-0000-4000-8000-000000000009', FrontendVIPs: ['10.96.0.10'] });
    expect(await host.backend.sync(fullOf(service()))).toMatchObject({ outcome: 'ok' });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(host.hns.snapshot().loadBalancers).toHaveLength(2);
  });

  it('left by HNS under an owned id is replaced by a complete one', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const [complete] = host.hns.snapshot().loadBalancers;
    host.hns.putLoadBalancer({ ID: complete?.ID ?? '', FrontendVIPs: ['10.96.0.10'] });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().loadBalancers).toEqual([complete]);
  });

  it('left by HNS under an owned id is removed when no Service needs it, and by --cleanup', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const [complete] = host.hns.snapshot().loadBalancers;
    host.hns.putLoadBalancer({ ID: complete?.ID ?? '' });
    await host.backend.sync(fullOf());
    expect(host.hns.snapshot().loadBalancers).toEqual([]);
    host.hns.putLoadBalancer({ ID: complete?.ID ?? '' });
    expect(await host.backend.cleanup()).toMatchObject({ outcome: 'ok', removed: ['1 load balancers'] });
  });
});

describe('what is reported of an endpoint', () => {
  it('names one that a Service still needs neither stale nor repaired when its load balancer is lost', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const [balancer] = host.hns.snapshot().loadBalancers;
    host.hns.dropLoadBalancer(balancer?.ID ?? '');
    const drift = [{ kind: 'missing', type: 'load balancer', name: '10.96.0.10:80/tcp' }];
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ repaired: drift });
  });

  it('names one that no Service needs stale', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const [remote] = host.hns.snapshot().endpoints.filter((entry) => entry.Flags === 1);
    const web = service();
    await host.backend.sync(incremental([], [], [web]));
    host.hns.attach({
      HostComputeNetwork: NETWORK_ID,
      IpConfigurations: [{ IpAddress: '10.244.2.2' }],
      MacAddress: remote?.MacAddress ?? '',
      Flags: 1,
    });
    expect(await host.backend.observe()).toEqual({
      outcome: 'ok',
      drift: [{ kind: 'stale', type: 'endpoint', name: '10.244.2.2' }],
    });
    expect(await host.backend.sync(NOTHING)).toMatchObject({
      repaired: [{ kind: 'stale', type: 'endpoint', name: '10.244.2.2' }],
    });
    expect(remotes(host)).toEqual([]);
  });
});

describe('two networks with pods of one address', () => {
  it('each have an endpoint for it', async () => {
    const host = testHost();
    host.hns.addNetwork({ Name: 'other', Type: 'L2Bridge' }, '22222222-2222-2222-2222-222222222222');
    const other = createWinvfpBackend({
      family: 'IPv4',
      hcn: host.recorder,
      networkName: 'other',
      nodeIP: '192.0.2.10',
    });
    const pods = [endpoint('10.244.2.2')];
    expect(await host.backend.sync(fullOf(service({ endpoints: pods })))).toMatchObject({ outcome: 'ok' });
    const second = service({ name: 'second', frontends: [clusterIP('10.96.0.11')], endpoints: pods });
    expect(await other.sync(fullOf(second))).toMatchObject({ outcome: 'ok' });
    expect(remotes(host)).toEqual(['10.244.2.2', '10.244.2.2']);
  });
});

describe('state read before a failed sync is discarded', () => {
  const web = service();
  const other = service({ name: 'other', frontends: [clusterIP('10.96.0.11')] });

  it('when HNS could not be queried at all', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(web));
    host.hns.stop();
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'failed' });
    host.hns.start('lose');
    expect(await host.backend.sync(incremental([other], [], []))).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers()).sort()).toEqual(['10.96.0.10:80', '10.96.0.11:80']);
  });

  it('when HNS became unreachable during the sync', async () => {
    let failing = false;
    const fault = (name: string): number =>
      failing && name === 'HcnCreateLoadBalancer' ? HR.rpcUnavailable : HR.ok;
    const host = testHost({ fault });
    await host.backend.sync(fullOf(web));
    failing = true;
    expect(await host.backend.sync(incremental([other], [], []))).toMatchObject({ outcome: 'failed' });
    failing = false;
    for (const { ID } of host.hns.snapshot().loadBalancers) host.hns.dropLoadBalancer(ID);
    const third = service({ name: 'third', frontends: [clusterIP('10.96.0.12')] });
    expect(await host.backend.sync(incremental([third], [], []))).toMatchObject({
      outcome: 'ok',
      scope: 'full',
    });
    expect(Object.keys(host.balancers()).sort()).toEqual(['10.96.0.10:80', '10.96.0.11:80', '10.96.0.12:80']);
  });
});

describe('a load balancer of another process at the frontend of a Service', () => {
  function hostWithOther(): TestHost {
    const host = testHost();
    const [pod] = host.hns.snapshot().endpoints;
    const mapping = { Protocol: 6, InternalPort: 1, ExternalPort: 80 };
    host.hns.putLoadBalancer({ ...unownedBalancer(pod?.ID, ['10.96.0.10']), PortMappings: [mapping] });
    return host;
  }

  it.each([
    ['has no endpoints', []],
    ['has only endpoints that HNS does not know yet', [endpoint('10.244.1.8')]],
  ])('stays while the Service %s', async (_title, endpoints) => {
    const host = hostWithOther();
    await host.backend.sync(fullOf(service({ endpoints })));
    await host.backend.sync(NOTHING);
    expect(writes(host.recorder)).toEqual([]);
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2'] });
  });

  it('is adopted when the Service has endpoints, and removed with the last of them', async () => {
    const host = hostWithOther();
    const before = service({ endpoints: [endpoint('10.244.1.3')] });
    await host.backend.sync(fullOf(before));
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.3'] });
    await host.backend.sync(incremental([], [{ before, after: service({ endpoints: [] }) }], []));
    expect(host.balancers()).toEqual({});
  });
});
