import { HR } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { remoteMac } from '../compile/names.ts';
import { createWinvfpBackend, type WinvfpBackend } from '../backend.ts';
import {
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
} from '../testing/fixtures.ts';
import { attachPod, incremental } from '../testing/random-host.ts';
import type { HcnApi } from './hcn-api.ts';

const NOTHING = incremental([], [], []);

/** A backend over another view of the same host. */
function over(call: HcnApi['call']): WinvfpBackend {
  const hcn = { call };
  return createWinvfpBackend({
    family: 'IPv4',
    networkName: 'cbr0',
    nodeIP: '192.0.2.10',
    enableDSR: true,
    hcn,
  });
}

/** One endpoint can never be made. */
function refusing(host: TestHost, address: string): WinvfpBackend {
  return over((request) => {
    const hit =
      request.op === 'create-endpoint' && request.settings.IpConfigurations?.[0]?.IpAddress === address;
    const refused = { hresult: HR.objectExists, call: 'HcnCreateEndpoint', record: '', items: [] };
    return hit ? Promise.resolve(refused) : host.recorder.call(request);
  });
}

describe('an endpoint that cannot be made', () => {
  it.each([
    [{ major: 12, minor: 1 }, true],
    [{ major: 15, minor: 5 }, false],
    [{ major: 15, minor: 5 }, true],
  ])('leaves the load balancer of the others alone: %j', async (version, updateInPlace) => {
    const host = testHost({ version });
    const backend = refusing(host, '10.244.2.9');
    const endpoints = [endpoint('10.244.1.2'), endpoint('10.244.2.9')];
    const web = service({ windows: { updateInPlace }, endpoints });
    expect(await backend.sync(fullOf(web))).toMatchObject({ outcome: 'partial' });
    host.recorder.take();
    expect(await backend.sync(NOTHING)).toMatchObject({ outcome: 'partial', failures: [{ key: web.key }] });
    expect(writes(host.recorder)).toEqual([]);
    const other = service({
      name: 'o',
      frontends: [clusterIP('10.96.0.77')],
      endpoints: endpoints.slice(0, 1),
    });
    await backend.sync(incremental([other], [], []));
    expect(writes(host.recorder)).toEqual(['create-load-balancer']);
  });
});

describe('a load balancer that is not what it was modified to', () => {
  const mk = (name: string, vip: string, ...addresses: readonly string[]): ReturnType<typeof service> =>
    service({ name, frontends: [clusterIP(vip)], endpoints: addresses.map((address) => endpoint(address)) });
  const a0 = mk('a', '10.96.0.1', '10.244.1.2');
  const a1 = mk('a', '10.96.0.1', '10.244.1.2', '10.244.1.3');
  const b0 = mk('b', '10.96.0.2', '10.244.1.2');
  const b1 = mk('b', '10.96.0.2', '10.244.1.2', '10.244.1.3');

  /** After each modification `meddle` runs, and the reply has the result. */
  function meddled(host: TestHost, meddle: () => void): WinvfpBackend {
    return over(async (request) => {
      const reply = await host.recorder.call(request);
      if (request.op !== 'modify-load-balancer') return reply;
      meddle();
      const { loadBalancers } = host.hns.snapshot();
      const now = loadBalancers.find((entry) => entry.ID.toUpperCase() === request.id.toUpperCase());
      return { ...reply, items: [JSON.stringify(now)] };
    });
  }

  it('because an endpoint was removed meanwhile: modification in place continues', async () => {
    const host = testHost();
    const pod = host.hns.snapshot().endpoints.find((entry) => entry.Name === 'pod-10.244.1.3');
    const backend = meddled(host, () => host.hns.detach(pod?.ID ?? ''));
    await backend.sync(fullOf(a0, b0));
    host.recorder.take();
    expect(await backend.sync(incremental([], [{ before: a0, after: a1 }], []))).toMatchObject({
      failures: [{ key: a0.key, error: { code: 'not-found' } }],
    });
    expect(writes(host.recorder)).toEqual(['modify-load-balancer']);
    attachPod(host.hns, '10.244.1.3');
    await backend.sync(incremental([], [{ before: b0, after: b1 }], []));
    expect(new Set(writes(host.recorder))).toEqual(new Set(['modify-load-balancer']));
  });

  it('because HNS does nothing: it is deleted and created, later changes too without a modification', async () => {
    const host = testHost({ modifyLies: true });
    await host.backend.sync(fullOf(a0, b0));
    await host.backend.sync(incremental([], [{ before: a0, after: a1 }], []));
    host.recorder.take();
    expect(await host.backend.sync(incremental([], [{ before: b0, after: b1 }], []))).toMatchObject({
      outcome: 'ok',
    });
    expect(writes(host.recorder)).toEqual(['delete-load-balancer', 'create-load-balancer']);
  });
});

describe('what the last sync reported as failed', () => {
  it('is no drift, and its endpoints are kept', async () => {
    const host = testHost();
    host.hns.listen(6, 30_080);
    const web = service({ frontends: [clusterIP('10.96.0.10'), nodePort(30_080)] });
    const other = service({ name: 'o', frontends: [nodePort(30_081)], endpoints: [endpoint('10.244.2.7')] });
    host.hns.listen(6, 30_081);
    expect(await host.backend.sync(fullOf(web, other))).toMatchObject({ outcome: 'partial' });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    host.recorder.take();
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'partial' });
    expect(writes(host.recorder)).toEqual(['create-load-balancer', 'create-load-balancer']);
    host.hns.dropLoadBalancer(host.hns.snapshot().loadBalancers[0]?.ID ?? '');
    expect(await host.backend.observe()).toMatchObject({
      drift: [{ type: 'load balancer', name: '10.96.0.10:80/tcp' }],
    });
    host.hns.unlisten(6, 30_080);
    host.hns.unlisten(6, 30_081);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('does not make other changes list everything', async () => {
    const host = testHost();
    host.hns.listen(6, 30_080);
    const held = service({ frontends: [nodePort(30_080)] });
    const before = service({ name: 'b', frontends: [clusterIP('10.96.0.11')] });
    const after = { ...before, clusterEndpoints: [endpoint('10.244.1.2')] };
    await host.backend.sync(fullOf(before));
    // A new conflict causes a listing: the stored state may be outdated.
    expect(await host.backend.sync(incremental([held], [], []))).toMatchObject({ scope: 'full' });
    host.recorder.take();
    expect(await host.backend.sync(incremental([], [{ before, after }], []))).toMatchObject({
      outcome: 'partial',
      scope: 'partial',
    });
    const ops = host.recorder.take().map(({ request }) => request.op);
    expect(ops.toSorted()).toEqual(['create-load-balancer', 'list', 'modify-load-balancer']);
  });

  it('an owned endpoint that another program uses is not drift', async () => {
    const host = testHost();
    const web = service();
    await host.backend.sync(fullOf(web));
    const remote = host.hns.snapshot().endpoints.find((entry) => entry.Flags === 1);
    host.hns.putLoadBalancer(unownedBalancer(remote?.ID));
    await host.backend.sync(incremental([], [], [web]));
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok', repaired: [] });
  });
});

describe('an endpoint that has to be replaced', () => {
  it.each([
    ['one frontend', ['203.0.113.200']],
    ['two', ['203.0.113.200', '203.0.113.201']],
  ])('stays while a load balancer of another program uses it, with %s', async (_title, FrontendVIPs) => {
    const host = testHost();
    const left = host.hns.attach({
      Name: 'left',
      HostComputeNetwork: NETWORK_ID,
      Flags: 1,
      IpConfigurations: [{ IpAddress: '10.244.2.2' }],
      MacAddress: remoteMac('10.244.2.2'),
      Policies: [{ Type: 'ProviderAddress', Settings: { ProviderAddress: '192.0.2.99' } }],
    });
    host.hns.putLoadBalancer(unownedBalancer(left.ID, FrontendVIPs));
    const web = service();
    const failures = [{ key: web.key, error: { code: 'busy' } }];
    expect(await host.backend.sync(fullOf(web))).toMatchObject({ outcome: 'partial', failures });
    expect(writes(host.recorder)).toEqual(['create-load-balancer']);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'partial', failures });
    expect(writes(host.recorder)).toEqual([]);
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    host.hns.dropLoadBalancer(unownedBalancer(left.ID).ID);
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().endpoints.map((entry) => entry.Name)).not.toContain('left');
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.2.2'] });
  });
});
