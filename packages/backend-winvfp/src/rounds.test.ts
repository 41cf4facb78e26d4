/** The scope of one sync, and its report. */
import { HR } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { remoteMac } from './compile/names.ts';
import {
  clusterIP,
  endpoint,
  unownedBalancer,
  fullOf,
  NETWORK_ID,
  service,
  testHost,
} from './testing/fixtures.ts';
import { incremental } from './testing/random-host.ts';

const NOTHING = incremental([], [], []);
const LOCAL = [endpoint('10.244.1.2')];

describe('the scope of a sync', () => {
  it('is partial where only the node changed', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    expect(await host.backend.sync({ ...NOTHING, nodeChanged: true })).toMatchObject({ scope: 'partial' });
  });

  it('is full after a clean-up, though the change fits the state before it', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service({ endpoints: LOCAL })));
    await host.backend.cleanup();
    const other = service({ name: 'other', frontends: [clusterIP('10.96.0.11')], endpoints: LOCAL });
    expect(await host.backend.sync(incremental([other], [], []))).toMatchObject({ outcome: 'ok' });
    expect(Object.keys(host.balancers()).sort()).toEqual(['10.96.0.10:80', '10.96.0.11:80']);
  });

  it('becomes full at once where HNS did not list a created object', async () => {
    let left = 0;
    const fault = (name: string): number =>
      name === 'HcnQueryLoadBalancerProperties' && left-- > 0 ? HR.fail : HR.ok;
    const host = testHost({ fault });
    await host.backend.sync(fullOf());
    left = 1;
    expect(await host.backend.sync(incremental([service()], [], []))).toMatchObject({
      outcome: 'ok',
      scope: 'full',
    });
  });
});

describe('what a sync reports as repaired', () => {
  it('leaves out what a change required', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const other = service({ name: 'other', frontends: [clusterIP('10.96.0.11')] });
    expect(await host.backend.sync(fullOf(service(), other))).toMatchObject({ outcome: 'ok', repaired: [] });
  });

  it('is empty where a write failed: the missing object may still be missing', async () => {
    let failing = false;
    const fault = (name: string): number =>
      failing && name === 'HcnCreateLoadBalancer' ? HR.invalidPolicy : HR.ok;
    const host = testHost({ fault });
    await host.backend.sync(fullOf(service()));
    const [balancer] = host.hns.snapshot().loadBalancers;
    host.hns.dropLoadBalancer(balancer?.ID ?? '');
    failing = true;
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'partial', repaired: [] });
  });
});

describe('objects of other processes', () => {
  it('a local endpoint stays, whatever its MAC address', async () => {
    const host = testHost();
    host.hns.attach({
      Name: 'pod',
      HostComputeNetwork: NETWORK_ID,
      IpConfigurations: [{ IpAddress: '10.244.1.7' }],
      MacAddress: remoteMac('10.244.1.7'),
    });
    await host.backend.sync(fullOf(service()));
    await host.backend.cleanup();
    expect(host.hns.snapshot().endpoints.map((entry) => entry.Name)).toContain('pod');
  });

  it('of two networks whose names differ in case, the one that is named is used', async () => {
    const host = testHost({}, { networkName: 'CBR0' });
    const named = host.hns.addNetwork({ Name: 'CBR0', Type: 'L2Bridge' });
    const web = service({ endpoints: [endpoint('10.244.2.2')] });
    expect(await host.backend.sync(fullOf(web))).toMatchObject({ outcome: 'ok' });
    const remote = host.hns.snapshot().endpoints.filter((entry) => entry.Flags === 1);
    expect(remote.map((entry) => entry.HostComputeNetwork)).toEqual([named]);
  });

  it('a remote endpoint with another MAC address is used as it is', async () => {
    const host = testHost();
    host.hns.attach({
      Name: 'other',
      HostComputeNetwork: NETWORK_ID,
      IpConfigurations: [{ IpAddress: '10.244.2.2' }],
      MacAddress: '00-15-5D-00-00-01',
      Flags: 1,
    });
    expect(await host.backend.sync(fullOf(service()))).toMatchObject({ outcome: 'ok' });
    expect(host.hns.snapshot().endpoints.filter((entry) => entry.Flags === 1)).toMatchObject([
      { Name: 'other' },
    ]);
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2', '10.244.2.2'] });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('a remote endpoint of another process carries a pod that a Service names local', async () => {
    const host = testHost();
    host.hns.attach({
      Name: 'other',
      HostComputeNetwork: NETWORK_ID,
      IpConfigurations: [{ IpAddress: '10.244.1.8' }],
      MacAddress: '00-15-5D-00-00-01',
      Flags: 1,
    });
    const web = service({ endpoints: [endpoint('10.244.1.8')] });
    expect(await host.backend.sync(fullOf(web))).toMatchObject({ outcome: 'ok' });
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.8'] });
  });

  it('an endpoint that one of their load balancers uses does not fail a clean-up', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service()));
    const remote = host.hns.snapshot().endpoints.find((entry) => entry.Flags === 1);
    host.hns.putLoadBalancer(unownedBalancer(remote?.ID));
    expect(await host.backend.cleanup()).toEqual({ outcome: 'ok', removed: ['1 load balancers'] });
    expect(host.hns.snapshot().endpoints).toContainEqual(remote);
  });

  it('a load balancer of another program stays when all owned objects are removed', async () => {
    const host = testHost();
    await host.backend.sync(fullOf(service({ endpoints: LOCAL })));
    const [pod] = host.hns.snapshot().endpoints;
    const other = unownedBalancer(pod?.ID, ['203.0.113.200']);
    host.hns.putLoadBalancer(other);
    expect(await host.backend.cleanup()).toEqual({ outcome: 'ok', removed: ['1 load balancers'] });
    expect(host.hns.snapshot().loadBalancers.map((entry) => entry.ID)).toEqual([other.ID]);
  });

  it('an endpoint of the other family that nothing refers to is left to the other backend', async () => {
    const host = testHost();
    host.hns.attach({
      Name: 'six',
      HostComputeNetwork: NETWORK_ID,
      IpConfigurations: [{ IpAddress: 'fd00:10:244:2::7' }],
      MacAddress: remoteMac('fd00:10:244:2::7'),
      Flags: 1,
    });
    await host.backend.sync(fullOf(service()));
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(host.hns.snapshot().endpoints.map((entry) => entry.Name)).toContain('six');
  });
});

describe('overlay networks', () => {
  it('the endpoint of a cluster IP that cannot be made is reported by its address', async () => {
    const fault = (name: string): number => (name === 'HcnCreateEndpoint' ? HR.invalidPolicy : HR.ok);
    const options = { sourceVip: '10.244.1.100', hostMac: '02-fc-00-00-00-01' };
    const host = testHost({ fault }, options);
    host.hns.addNetwork({ Name: 'cbr0', Type: 'Overlay' }, NETWORK_ID);
    const { outcome, failures } = await host.backend.sync(fullOf(service({ endpoints: LOCAL })));
    expect(outcome).toBe('partial');
    expect(failures.map(({ key }) => key)).toEqual(['endpoint 10.244.1.100', 'endpoint 10.96.0.10']);
  });
});
