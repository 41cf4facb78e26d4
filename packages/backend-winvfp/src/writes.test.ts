/** The writes of a sync to HNS, and their counts. */
import { HR, type HnsOptions } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import {
  balancerIP,
  clusterIP,
  endpoint,
  fullOf,
  nodePort,
  service,
  testHost,
  writes,
} from './testing/fixtures.ts';
import { incremental } from './testing/random-host.ts';

const NOTHING = incremental([], [], []);

describe('failed writes of load balancers are counted by type and error', () => {
  const failing =
    (call: string, hr: number, times = 1) =>
    (name: string): number =>
      name === call && times-- > 0 ? hr : HR.ok;

  it.each([
    ['a cluster IP', clusterIP('10.96.0.10'), 'clusterip'],
    ['a load-balancer IP', balancerIP('203.0.113.9'), 'ingressip'],
    ['a node port', nodePort(30_080), 'nodeport'],
  ] as const)('F173: of %s', async (_title, frontend, type) => {
    const create = testHost({ fault: failing('HcnCreateLoadBalancer', HR.invalidPolicy) });
    const web = service({ frontends: [frontend] });
    expect((await create.backend.sync(fullOf(web))).counters).toMatchObject({
      [`create-load-balancer/${type}/other`]: 1,
    });
    const remove = testHost({ fault: failing('HcnDeleteLoadBalancer', HR.fail, 2) });
    await remove.backend.sync(fullOf(web));
    expect((await remove.backend.sync(incremental([], [], [web]))).counters).toMatchObject({
      [`delete-load-balancer/${type}/other`]: 1,
    });
  });

  it('F173: a deletion that succeeds at the second try is none', async () => {
    const host = testHost({ fault: failing('HcnDeleteLoadBalancer', HR.fail) });
    const web = service();
    await host.backend.sync(fullOf(web));
    expect((await host.backend.sync(incremental([], [], [web]))).counters).toEqual({
      'delete-load-balancer': 1,
      'delete-endpoint': 1,
    });
  });

  it.each([
    [HR.networkNotFound, 'network_not_found'],
    [HR.portAlreadyExists, 'port_already_exists'],
    [HR.notImplemented, 'not_implemented'],
    [HR.invalidIpAddress, 'invalid_ip'],
    [HR.fail, 'other'],
  ])('F173: 0x%x is %s', async (hr, error) => {
    const host = testHost({ fault: failing('HcnCreateLoadBalancer', hr) });
    const { counters } = await host.backend.sync(fullOf(service()));
    expect(counters).toMatchObject({ [`create-load-balancer/clusterip/${error}`]: 1 });
  });

  it('F173: a modification, though the sync then succeeds by delete and create', async () => {
    const host = testHost({ fault: failing('HcnModifyLoadBalancer', HR.notImplemented) });
    const before = service({ endpoints: [endpoint('10.244.1.2'), endpoint('10.244.1.3')] });
    const after = service({ endpoints: [endpoint('10.244.1.2')] });
    await host.backend.sync(fullOf(before));
    const result = await host.backend.sync(incremental([], [{ before, after }], []));
    expect(result).toMatchObject({
      outcome: 'ok',
      counters: { 'modify-load-balancer/clusterip/not_implemented': 1, 'create-load-balancer': 1 },
    });
  });

  it('F173: those of a sync that listed everything again, and of one that ended because HNS was unreachable', async () => {
    const relisted = testHost({ fault: failing('HcnCreateLoadBalancer', HR.portAlreadyExists) });
    await relisted.backend.sync(fullOf());
    const again = await relisted.backend.sync(incremental([service()], [], []));
    expect(again).toMatchObject({
      outcome: 'ok',
      counters: { 'create-load-balancer/clusterip/port_already_exists': 1, 'create-load-balancer': 1 },
    });
    const stopped = testHost({ fault: failing('HcnCreateLoadBalancer', HR.rpcUnavailable) });
    expect(await stopped.backend.sync(fullOf(service()))).toMatchObject({
      outcome: 'failed',
      counters: { 'create-load-balancer/clusterip/other': 1 },
    });
  });
});

describe('an HNS that lists load balancers with other fields than were written', () => {
  const options: HnsOptions = {
    show: (document) => ({ ...document, SourceVIP: '192.0.2.10', Flags: (document.Flags ?? 0) | 4 }),
  };

  it('is written to once, and reports no drift', async () => {
    const host = testHost(options);
    expect(await host.backend.sync(fullOf(service()))).toMatchObject({ outcome: 'ok' });
    host.recorder.take();
    expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok', repaired: [] });
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(writes(host.recorder)).toEqual([]);
  });

  it('is modified in place when the endpoints change', async () => {
    const host = testHost(options);
    const before = service({ endpoints: [endpoint('10.244.1.2'), endpoint('10.244.1.3')] });
    const after = service({ endpoints: [endpoint('10.244.1.2')] });
    await host.backend.sync(fullOf(before));
    host.recorder.take();
    expect(await host.backend.sync(incremental([], [{ before, after }], []))).toMatchObject({
      outcome: 'ok',
    });
    await host.backend.sync(NOTHING);
    expect(writes(host.recorder)).toEqual(['modify-load-balancer']);
    expect(host.balancers()).toEqual({ '10.96.0.10:80': ['10.244.1.2'] });
  });

  it('is repaired when another process changes one', async () => {
    const host = testHost(options);
    await host.backend.sync(fullOf(service()));
    const [balancer] = host.hns.snapshot().loadBalancers;
    host.hns.putLoadBalancer({ ...balancer, ID: balancer?.ID ?? '', Flags: 0 });
    const drift = [{ kind: 'altered', type: 'load balancer', name: '10.96.0.10:80/tcp' }];
    expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift });
    expect(await host.backend.sync(NOTHING)).toMatchObject({ repaired: drift });
    expect(host.hns.snapshot().loadBalancers[0]?.Flags).toBe(1);
  });

  it('is written to once more after a restart', async () => {
    const host = testHost(options);
    await host.backend.sync(fullOf(service()));
    const again = host.restart();
    await again.sync(fullOf(service()));
    host.recorder.take();
    expect(await again.sync(NOTHING)).toMatchObject({ outcome: 'ok', repaired: [] });
    expect(writes(host.recorder)).toEqual([]);
  });
});
