import type { DesiredEndpoint, DesiredServicePort, DesiredState, Outcome } from '@signalbox/core';
import { endpointChainHash } from '@signalbox/backend-kit';
import { BALANCING_ALGORITHMS, fullChange } from '@signalbox/core';
import { seededRandom } from '@signalbox/testkit';
import { describe, expect, it } from 'vitest';
import { oneIn } from '@signalbox/iptables';
import { createFakeIptables, tracePacket } from '@signalbox/iptables/testing';
import { createIptablesBackend } from '../sync/iptables-backend.ts';
import { changeBetween, sampleEndpoints, sampleService, sampleState } from '../testing/sample-state.ts';
import { rulesOf } from '../testing/scenario-backend.ts';

/** Shares of n endpoints that result from the kernel's probabilities. */
function shares(n: number): readonly number[] {
  let left = 1;
  return Array.from({ length: n }, (_, index) => {
    const chance = n - index > 1 ? oneIn(n - index).numerator / 2 ** 31 : 1;
    const share = left * chance;
    left -= share;
    return share;
  });
}

/** Connections by address of the endpoint, of so many packets to the service. */
async function countsOf(service: DesiredServicePort, total: number): Promise<ReadonlyMap<string, number>> {
  const fake = createFakeIptables({ family: 'IPv4' });
  const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
  await backend.sync(fullChange(sampleState([service])));
  const world = { addresses: ['192.0.2.10'], recent: new Map(), now: () => 0, remember: true };
  const random = seededRandom(1);
  const counts = new Map<string, number>();
  for (let round = 0; round < total; round++) {
    const outcome: Outcome = tracePacket(
      { rules: (table) => rulesOf(fake, table), world, chance: random },
      {
        protocol: 'TCP',
        source: '10.244.9.9',
        inInterface: 'cni0',
        destination: '10.96.0.0',
        destinationPort: 80,
      },
    );
    const address = outcome.kind === 'forward' ? (outcome.destinations[0]?.address ?? '') : outcome.kind;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
}

describe('load balancing', () => {
  it.each([1, 2, 3, 7, 10, 100, 1000])('gives each of %i endpoints the same share', (n) => {
    const found = shares(n);
    const worst = Math.max(...found.map((share) => Math.abs(share * n - 1)));
    // One step of the kernel's 2^-31, accumulated over all rules.
    expect(worst).toBeLessThan(1e-5);
    expect(found.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  it('distributes connections evenly by the rules alone (chi-square)', async () => {
    const total = 8000;
    const counts = await countsOf(sampleService({ index: 0, endpoints: sampleEndpoints(0, 8) }), total);
    const expected = total / 8;
    const chiSquare = [...counts.values()].reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    expect(counts.size).toBe(8);
    // Seven degrees of freedom: a random distribution exceeds 24.3 once in a thousand runs.
    expect(chiSquare).toBeLessThan(24.3);
  });
});

describe('endpoint weights', () => {
  const WEIGHTS = [1, 3, 100, 1, 7];
  const TOTAL = 112;
  const weighted = (more: Partial<DesiredServicePort> = {}): DesiredServicePort => {
    const plain = sampleService({ index: 0, endpoints: sampleEndpoints(0, WEIGHTS.length) });
    const clusterEndpoints = plain.clusterEndpoints.map((endpoint, index) => ({
      ...endpoint,
      weight: WEIGHTS[index] ?? 1,
    }));
    return { ...plain, clusterEndpoints, ...more };
  };
  const probabilities = async (service: DesiredServicePort): Promise<string[]> => {
    const fake = createFakeIptables({ family: 'IPv4' });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    await backend.sync(fullChange(sampleState([service])));
    const chain = [...fake.kernel.table('nat')].find(([name]) => name.startsWith('KUBE-SVC-'));
    const rules = (chain?.[1] ?? []).filter(({ text }) => text.includes(' -> '));
    return rules.map(({ text }) => / --probability ([\d.]+) /.exec(text)?.[1] ?? 'the rest');
  };

  it('are shares of connections, exact to the steps of the kernel', async () => {
    let left = 1;
    const found = (await probabilities(weighted())).map((text) => {
      const share = left * (text === 'the rest' ? 1 : Number(text));
      left -= share;
      return share;
    });
    expect(found).toHaveLength(WEIGHTS.length);
    for (const [index, share] of found.entries()) {
      expect(share).toBeCloseTo((WEIGHTS[index] ?? 0) / TOTAL, 8);
    }
  });

  it('that are all equal are the rules of endpoints without weights', async () => {
    const plain = sampleService({ index: 0, endpoints: sampleEndpoints(0, 5) });
    const clusterEndpoints = plain.clusterEndpoints.map((endpoint) => ({ ...endpoint, weight: 40 }));
    expect(await probabilities({ ...plain, clusterEndpoints })).toEqual(await probabilities(plain));
  });

  it('hold for every algorithm that the mode does not support, and for random', async () => {
    const wanted = await probabilities(weighted());
    for (const balancing of BALANCING_ALGORITHMS) {
      expect(await probabilities(weighted({ balancing }))).toEqual(wanted);
    }
  });

  it('that change are written as one chain', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    const before = sampleState([sampleService({ index: 0, endpoints: sampleEndpoints(0, WEIGHTS.length) })]);
    const after = sampleState([weighted()]);
    await backend.sync(fullChange(before));
    const result = await backend.sync(changeBetween(before, after));
    expect(result.counters).toMatchObject({ chainsWritten: 1, chainsRemoved: 0 });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('decide the endpoints of random packets (chi-square)', async () => {
    const counts = await countsOf(weighted(), 20_000);
    const shares = [...counts].map(([address, seen]) => {
      const endpoint = weighted().clusterEndpoints.find((each) => each.address === address);
      const expected = (20_000 * (endpoint?.weight ?? 0)) / TOTAL;
      return (seen - expected) ** 2 / expected;
    });
    expect(counts.size).toBe(WEIGHTS.length);
    // Four degrees of freedom: a random distribution exceeds 18.5 once in a thousand runs; the seed is fixed.
    expect(shares.reduce((sum, each) => sum + each, 0)).toBeLessThan(18.5);
  });
});

describe('the chain of an endpoint', () => {
  const chain = `KUBE-SEP-${endpointChainHash(sampleService({ index: 0 }).name, { address: '10.244.0.9', port: 80 })}`;
  const hairpin = expect.stringContaining('-s 10.244.0.9/32');
  const redirect = expect.stringContaining('--to-destination 10.244.0.9:80');
  const on = (place: Pick<DesiredEndpoint, 'isLocal' | 'onUnknownNode'>): DesiredState => {
    const endpoint = { address: '10.244.0.9', port: 80, ...place };
    return sampleState([sampleService({ index: 0, endpoints: [endpoint] })]);
  };
  const HERE = on({ isLocal: true });
  const THERE = on({ isLocal: false });
  const SOMEWHERE = on({ isLocal: false, onUnknownNode: true });

  it.each([
    ['here', THERE, HERE, [hairpin, redirect]],
    ['elsewhere', HERE, THERE, [redirect]],
    ['on a node that is not named', THERE, SOMEWHERE, [hairpin, redirect]],
  ])('matches connections to itself where they are possible (S37): its address is now %s', async (...row) => {
    const [, before, after, desired] = row;
    const fake = createFakeIptables({ family: 'IPv4' });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    await backend.sync(fullChange(before));
    await backend.sync(changeBetween(before, after));
    const rules = fake.kernel.table('nat').get(chain);
    expect(rules?.map(({ text }) => text)).toEqual(desired);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it.each([
    ['10.244.0.9', []],
    ['10.244.0.8', [{ kind: 'altered', type: 'chain', name: chain, within: 'nat' }]],
  ])('on another node may begin with a rule for %s, as by kube-proxy', async (source, drift) => {
    const fake = createFakeIptables({ family: 'IPv4' });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    await backend.sync(fullChange(THERE));
    const words = '-m comment --comment "shop/service-0:http"';
    fake.byOthers(`*nat\n-I ${chain} -s ${source}/32 ${words} -j KUBE-MARK-MASQ\nCOMMIT\n`);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift });
  });
});

describe('in a large cluster (S52)', () => {
  const withEndpoints = (endpoints: number, each: DesiredServicePort): DesiredState => {
    const { counts, ...rest } = sampleState([each]);
    return { ...rest, counts: { ...counts, endpoints } };
  };
  const large = (each: DesiredServicePort): DesiredState => withEndpoints(1001, each);
  /** The first of the two is local. */
  const service = sampleService({ index: 0 });
  const remembered = sampleService({ index: 0, affinitySeconds: 60 });

  it.each([
    ['legacy', 'only where they need one', service, ['10.244.0.0:8080']],
    ['legacy', 'where clients are remembered', remembered, ['10.244.0.0:8080', '10.244.0.1:8080']],
    ['nft', 'as ever', service, ['10.244.0.0:8080', '10.244.0.1:8080']],
  ] as const)('endpoints have chains in the %s variant %s', async (variant, _, of, chains) => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    await backend.sync(fullChange(large(of)));
    const own = [...fake.kernel.table('nat')].filter(([name]) => name.startsWith('KUBE-SEP-'));
    const redirects = own.map(([, rules]) => rules.at(-1)?.text.split('--to-destination ')[1] ?? '');
    expect(new Set(redirects)).toEqual(new Set(chains));
    const restarted = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    expect((await restarted.sync(fullChange(large(of)))).counters).toMatchObject({ transactions: 0 });
  });

  it.each(['nft', 'legacy'] as const)(
    'that lost a few endpoints, a restart changes nothing (%s)',
    async (variant) => {
      for (const endpoints of [1001, 950]) {
        const fake = createFakeIptables({ family: 'IPv4', variant });
        const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
        const former = withEndpoints(endpoints, service);
        const now = withEndpoints(950, service);
        await backend.sync(fullChange(former));
        await backend.sync(changeBetween(former, now));
        expect(fake.dump('nat').includes(' -> ')).toBe(endpoints === 950);
        const restarted = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
        expect((await restarted.sync(fullChange(now))).counters).toMatchObject({ transactions: 0 });
      }
    },
  );

  it('that exceeds the limit, chains that are not needed are removed with the change, and created again below it', async () => {
    const fake = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    const small = sampleState([service]);
    await backend.sync(fullChange(small));
    const before = fake.dump('nat');
    await backend.sync(changeBetween(small, large(service)));
    expect(fake.dump('nat').match(/^:KUBE-SEP-/gm)).toHaveLength(1);
    expect(fake.dump('nat')).toContain('-p tcp -j DNAT --to-destination 10.244.0.1:8080');
    await backend.sync(changeBetween(large(service), small));
    expect(fake.dump('nat').split('\n').sort()).toEqual(before.split('\n').sort());
  });
});
