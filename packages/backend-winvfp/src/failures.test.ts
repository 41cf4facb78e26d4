import { HR } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { clusterIP, unownedBalancer, fullOf, service, testHost } from './testing/fixtures.ts';
import { incremental } from './testing/random-host.ts';

const NOTHING = incremental([], [], []);

describe('single failures of HNS', () => {
  const failing = (
    call: string,
    hr: number,
    times = 1,
  ): { fault: (name: string) => number; left: () => number } => {
    let left = times;
    return { fault: (name) => (name === call && left-- > 0 ? hr : HR.ok), left: () => left };
  };

  it.each([
    ['HcnCreateLoadBalancer', HR.endpointNotFound],
    ['HcnCreateLoadBalancer', HR.portAlreadyExists],
    ['HcnCreateLoadBalancer', HR.alreadyExists],
    ['HcnCreateEndpoint', HR.objectExists],
    ['HcnDeleteLoadBalancer', HR.fail],
  ])('%s %i once: the same sync gets over it', async (call, hr) => {
    const { fault } = failing(call, hr);
    const host = testHost({ fault });
    await host.backend.sync(fullOf());
    const web = service();
    const added = await host.backend.sync(incremental([web], [], []));
    expect(added.outcome, JSON.stringify(added)).toBe('ok');
    expect(await host.backend.sync(incremental([], [], [web]))).toMatchObject({ outcome: 'ok' });
    expect(host.balancers()).toEqual({});
    expect(host.hns.openHandles()).toBe(0);
  });

  it.each([
    ['HcnCreateLoadBalancer', HR.invalidPolicy],
    ['HcnCreateLoadBalancer', HR.fail],
    ['HcnCreateEndpoint', HR.invalidIpAddress],
    ['HcnQueryLoadBalancerProperties', HR.fail],
  ])('%s %i: the next sync gets over it', async (call, hr) => {
    const host = testHost({ fault: failing(call, hr).fault });
    await host.backend.sync(fullOf(service()));
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.2.2'] });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  const CALLS = ['HcnCreateLoadBalancer', 'HcnCreateEndpoint', 'HcnDeleteLoadBalancer', 'HcnDeleteEndpoint'];
  // An HNS that chooses the ids itself leaves no mark in them.
  it.each(
    CALLS.flatMap((call) => [true, false].map((ignoresRequestedIds) => ({ call, ignoresRequestedIds }))),
  )(
    '$call does its work and the answer is lost: nothing is made twice, nothing is left ($ignoresRequestedIds)',
    async ({ call, ignoresRequestedIds }) => {
      const host = testHost({ lateFault: failing(call, HR.fail).fault, ignoresRequestedIds });
      const web = service();
      await host.backend.sync(fullOf(web));
      await host.backend.sync(NOTHING);
      expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.2.2'] });
      await host.backend.sync(incremental([], [], [web]));
      expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
      expect(host.hns.snapshot().loadBalancers).toEqual([]);
      expect(host.hns.snapshot().endpoints.every((entry) => entry.Flags !== 1)).toBe(true);
      expect(host.hns.openHandles()).toBe(0);
    },
  );

  it('a clean-up leaves an endpoint to which another object still refers, and removes the others', async () => {
    const host = testHost({ fault: failing('HcnDeleteEndpoint', HR.hasReferences).fault });
    const far = ['10.244.2.2', '10.244.2.3'].map((address) => ({ address, port: 8080, isLocal: false }));
    await host.backend.sync(fullOf(service({ endpoints: far })));
    expect(await host.backend.cleanup()).toEqual({
      outcome: 'ok',
      removed: ['1 load balancers', '1 endpoints'],
    });
  });

  it('a load balancer that cannot be deleted is not forgotten', async () => {
    const { fault } = failing('HcnDeleteLoadBalancer', HR.fail, 4);
    const host = testHost({ fault });
    const web = service();
    await host.backend.sync(fullOf(web));
    expect(await host.backend.sync(incremental([], [], [web]))).toMatchObject({ outcome: 'partial' });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'partial' });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().loadBalancers).toEqual([]);
  });

  it('a failed write is retried with the next change, whatever that change is', async () => {
    const host = testHost({ fault: failing('HcnCreateLoadBalancer', HR.invalidPolicy).fault });
    expect(await host.backend.sync(fullOf(service()))).toMatchObject({ outcome: 'partial' });
    const other = service({ name: 'other', frontends: [clusterIP('10.96.0.11')] });
    expect(await host.backend.sync(incremental([other], [], []))).toMatchObject({
      outcome: 'ok',
      scope: 'partial',
    });
    expect(Object.keys(host.balancers()).sort()).toEqual(['10.96.0.10:80', '10.96.0.11:80']);
  });

  it('an id missing from a reply is looked up before it is needed', async () => {
    const { fault } = failing('HcnQueryLoadBalancerProperties', HR.fail);
    const host = testHost({ fault, ignoresRequestedIds: true });
    const web = service();
    expect(await host.backend.sync(fullOf(web))).toMatchObject({ outcome: 'ok' });
    expect(await host.backend.sync(incremental([], [], [web]))).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().loadBalancers).toEqual([]);
  });

  it('of two owned load balancers at one frontend one is removed', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const [balancer] = host.hns.snapshot().loadBalancers;
    if (balancer === undefined) throw new Error('no load balancer');
    host.hns.putLoadBalancer({ ...balancer, ID: '53674278-0000-8000-B000-000000000001' });
    expect(await host.backend.observe()).toMatchObject({ drift: [{ kind: 'stale' }] });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().loadBalancers).toHaveLength(1);
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('an endpoint that another program still uses stays without a failure, and is removed later', async () => {
    const host = testHost();
    const web = service();
    await host.backend.sync(fullOf(web));
    const remote = host.hns.snapshot().endpoints.find((entry) => entry.Flags === 1);
    host.hns.putLoadBalancer(unownedBalancer(remote?.ID));
    expect(await host.backend.sync(incremental([], [], [web]))).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().endpoints.some((entry) => entry.Flags === 1)).toBe(true);
    host.hns.dropLoadBalancer('F0000000-0000-4000-8000-000000000001');
    await host.backend.sync(NOTHING);
    expect(host.hns.snapshot().endpoints.some((entry) => entry.Flags === 1)).toBe(false);
  });
});
