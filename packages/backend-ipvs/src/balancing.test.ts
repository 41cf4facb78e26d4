/** Load-balancing algorithms and weights as schedulers and weights of real servers. */
import type { BalancingAlgorithm, DesiredServicePort } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { IP_VS_SVC_F_PERSISTENT, IP_VS_SVC_F_SCHED2 } from './objects/virtual-server.ts';
import { change, full, service } from './testing/cluster.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';
import { bench, kinds, okay } from './tests/bench.ts';

const KEY = 'TCP 10.96.0.10:80';

/** `weights`: in the order of the endpoints. */
function balanced(
  balancing: BalancingAlgorithm | null,
  weights: readonly number[] = [],
  more: Parameters<typeof service>[0] = {},
): DesiredServicePort {
  const plain = service(more);
  const clusterEndpoints = plain.clusterEndpoints.map((endpoint, index) => {
    const weight = weights[index];
    return weight === undefined ? endpoint : { ...endpoint, weight };
  });
  return { ...plain, balancing, clusterEndpoints };
}

function held(kernel: FakeKernel): object {
  const server = kernel.servers.get(KEY);
  const weights = [...(server?.reals.values() ?? [])].map(({ address, weight }) => `${address} ${weight}`);
  return { scheduler: server?.server.scheduler, flags: server?.server.flags, weights: weights.sort() };
}

describe('the scheduler of a virtual server', () => {
  const weights = ['10.244.1.5 1', '10.244.2.7 1'];

  it.each([
    [null, 'rr', 0],
    ['round-robin', 'rr', 0],
    ['least-connections', 'lc', 0],
    ['maglev', 'mh', IP_VS_SVC_F_SCHED2],
    ['random', 'rr', 0],
  ] as const)('for %s is %s', async (balancing, scheduler, flags) => {
    const { backend, kernel } = bench();
    okay(await backend.sync(full(balanced(balancing))));
    expect(held(kernel)).toEqual({ scheduler, flags, weights });
  });

  it.each([
    [null, 'wrr', 0],
    ['round-robin', 'wrr', 0],
    ['least-connections', 'wlc', 0],
    ['maglev', 'mh', IP_VS_SVC_F_SCHED2],
  ] as const)('for %s and endpoints with weights is %s', async (balancing, scheduler, flags) => {
    const { backend, kernel } = bench();
    okay(await backend.sync(full(balanced(balancing, [3, 20]))));
    expect(held(kernel)).toEqual({ scheduler, flags, weights: ['10.244.1.5 3', '10.244.2.7 20'] });
  });

  it.each([
    ['sed', [], 'sed'],
    ['sh', [2], 'sh'],
    ['lc', [2], 'wlc'],
  ])('without an algorithm is --ipvs-scheduler=%s with weights %j: %s', async (scheduler, given, wanted) => {
    const { backend, kernel } = bench({ scheduler });
    okay(await backend.sync(full(balanced(null, given))));
    expect(held(kernel)).toMatchObject({ scheduler: wanted });
  });

  it('is beside session affinity, which takes precedence in the kernel', async () => {
    const { backend, kernel } = bench();
    okay(await backend.sync(full(balanced('maglev', [], { affinitySeconds: 60 }))));
    expect(held(kernel)).toMatchObject({
      scheduler: 'mh',
      flags: IP_VS_SVC_F_SCHED2 | IP_VS_SVC_F_PERSISTENT,
    });
  });

  it('is changed in place, and keeps the connections', async () => {
    const { backend, kernel, fake } = bench();
    okay(await backend.sync(full(balanced(null))));
    const past = fake.operations.length;
    const [before, after] = [balanced(null), balanced('least-connections', [1, 5])];
    okay(await backend.sync(change('incremental', { changed: [[before, after]] })));
    expect(kinds(fake).slice(past)).toEqual(['server-update', 'real-update']);
    expect(held(kernel)).toMatchObject({ scheduler: 'wlc', weights: ['10.244.1.5 1', '10.244.2.7 5'] });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('a terminating real server', () => {
  it('has weight 0 until its connections have ended, whatever weight it had', async () => {
    const { backend, kernel } = bench();
    const before = balanced('round-robin', [7, 9]);
    okay(await backend.sync(full(before)));
    kernel.setConnections(KEY, '10.244.2.7:8080', { active: 1, inactive: 0 });
    const after = balanced('round-robin', [7], { endpoints: ['10.244.1.5'], alsoServing: ['10.244.2.7'] });
    okay(await backend.sync(change('incremental', { changed: [[before, after]] })));
    expect(held(kernel)).toMatchObject({ weights: ['10.244.1.5 7', '10.244.2.7 0'] });
    okay(await backend.sync(change('incremental', { changed: [[after, before]] })));
    expect(held(kernel)).toMatchObject({ weights: ['10.244.1.5 7', '10.244.2.7 9'] });
  });
});

describe('a kernel without a scheduler', () => {
  it('has the default for the algorithm, which is then not supported', async () => {
    const { backend, kernel } = bench();
    kernel.schedulers.delete('mh');
    expect(backend.balancing?.().algorithms).toEqual(['round-robin', 'least-connections', 'maglev']);
    okay(await backend.sync(full(balanced('maglev', [2, 4]))));
    expect(held(kernel)).toMatchObject({ scheduler: 'wrr', weights: ['10.244.1.5 2', '10.244.2.7 4'] });
    expect(backend.balancing?.()).toEqual({
      algorithms: ['round-robin', 'least-connections'],
      default: 'the IPVS scheduler rr',
      weights: true,
    });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('has equal shares where none of its schedulers regards weights', async () => {
    const { backend, kernel } = bench();
    kernel.schedulers.delete('wrr');
    okay(await backend.sync(full(balanced(null, [2, 4]))));
    expect(held(kernel)).toMatchObject({ scheduler: 'rr' });
    expect(backend.balancing?.().weights).toBe(false);
  });

  it('is tried once for each scheduler, and not for that of the node', async () => {
    const tried: string[] = [];
    const { backend, fake } = bench();
    const probe = fake.driver.probe.bind(fake.driver);
    Object.assign(fake.driver, { probe: (name: string) => (tried.push(name), probe(name)) });
    okay(
      await backend.sync(
        full(balanced('maglev'), balanced('maglev', [], { name: 'b', clusterIP: '10.96.0.11' })),
      ),
    );
    okay(
      await backend.sync(
        change('incremental', { added: [balanced('maglev', [], { name: 'c', clusterIP: '10.96.0.12' })] }),
      ),
    );
    expect(tried.filter((name) => name === 'mh')).toHaveLength(1);
    expect(tried.filter((name) => name === 'rr')).toHaveLength(1);
  });
});
