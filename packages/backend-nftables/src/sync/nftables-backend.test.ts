import { changeBetween } from '@signalbox/backend-kit/testing';
import { backendError, fail, fullChange } from '@signalbox/core';
import type { BaseChain } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { createFakeNftables, type FakeNftables } from '../testing/fake-nftables.ts';
import { createOwnCommits } from '../driver/own-commits.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import type { Operation } from '../objects/operation.ts';
import { jump, rule } from '../objects/rule.ts';
import { startLab, stateOf } from '../testing/lab.ts';
import { snapshotText } from '../testing/snapshot.ts';
import { chainRules } from '../encode/chain-rules.ts';
import { createNftablesBackend } from './nftables-backend.ts';

const THREE = [{ endpoints: 3 }, { endpoints: 3, exposed: 'local' }, { endpoints: 0 }] as const;
const FOUR = [{ endpoints: 4 }, THREE[1], THREE[2]] as const;

function textOf({ table }: FakeNftables): string {
  return snapshotText({
    chains: [...(table?.chains ?? [])].map(([name, { chain }]) => [name, chainRules(chain, 'IPv4')] as const),
    elements: [...(table?.sets ?? [])].map(([name, { elements }]) => [name, elements] as const),
  });
}

async function fromScratch(state: ReturnType<typeof stateOf>): Promise<string> {
  const fake = createFakeNftables({ family: 'IPv4' });
  await createNftablesBackend({ family: 'IPv4', driver: fake.driver }).sync(fullChange(state));
  return textOf(fake);
}

describe('a chain that cannot be deleted', () => {
  it.each([
    ['busy', 2],
    ['not-permitted', 1],
  ] as const)('because of %s leads to %i batches', async (code, batches) => {
    const { driver } = createFakeNftables({ family: 'IPv4' });
    let commits = 0;
    const commit: NftablesDriver['commit'] = ({ generation }) => {
      commits++;
      const error = backendError(code, 'NFT_MSG_DELCHAIN', 'refused', { kernel: 'unchanged' });
      return Promise.resolve({ result: fail(error), generation, batches: 0 });
    };
    const backend = createNftablesBackend({ family: 'IPv4', driver: { ...driver, commit } });
    expect(await backend.sync(fullChange(stateOf(THREE)))).toMatchObject({
      outcome: 'failed',
      error: { code },
    });
    expect(commits).toBe(batches);
  });
});

describe('close', () => {
  it.each([1, 2])('lets go of each of %i drivers once', async (count) => {
    const closed: string[] = [];
    const named = (name: string): NftablesDriver => ({
      ...createFakeNftables({ family: 'IPv4' }).driver,
      close: () => void closed.push(name),
    });
    const driver = named('driver');
    const verifier = count === 1 ? driver : named('verifier');
    await createNftablesBackend({ family: 'IPv4', driver, verifier }).close();
    expect(closed).toEqual(['driver', 'verifier'].slice(0, count));
  });
});

describe('a change of one endpoint', () => {
  it.each([10, 1_000, 5_000])('is one netlink message and no listing at %i services', async (services) => {
    const shapes = Array.from({ length: services }, () => ({ endpoints: 3 }));
    const { change, fake, calls } = await startLab(stateOf(shapes));
    const before = fake.requests;
    const result = await change(stateOf(shapes.with(7, { endpoints: 4 })));
    expect(result).toMatchObject({ outcome: 'ok', counters: { batches: 1, elementsAdded: 1 } });
    expect(fake.requests - before).toBe(1);
    expect(calls).toEqual({ commit: 1, structure: 0, observe: 0, generation: 0 });
  });
});

describe('a commit of another process ahead of a change', () => {
  it('to another table costs one look; the change is written as it is', async () => {
    const { change, fake, calls, backend } = await startLab(stateOf(THREE));
    fake.byOthers();
    expect(await change(stateOf(FOUR))).toMatchObject({ outcome: 'ok', repaired: [] });
    expect(calls).toEqual({ commit: 2, structure: 1, observe: 0, generation: 0 });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('of the other family of this process costs nothing', async () => {
    const ownCommits = createOwnCommits();
    const { change, fake, calls, backend } = await startLab(stateOf(THREE), { backend: { ownCommits } });
    const generation = await fake.driver.generation();
    fake.byOthers();
    if (generation.ok) ownCommits.add(generation.value, generation.value + 1);
    expect(await change(stateOf(FOUR))).toMatchObject({ outcome: 'ok' });
    expect(calls).toEqual({ commit: 1, structure: 0, observe: 0, generation: 0 });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('to this table is repaired with it', async () => {
    const { change, fake, calls } = await startLab(stateOf(THREE));
    fake.byOthers({ kind: 'delete-elements', set: 'service-ips', keys: ['10.96.0.1 . tcp . 80'] });
    expect(await change(stateOf(FOUR))).toMatchObject({ outcome: 'ok' });
    expect(calls.observe).toBe(1);
    expect(textOf(fake)).toBe(await fromScratch(stateOf(FOUR)));
  });

  it('is retried on top of, however often others commit within ten tries', async () => {
    const { change, fake, calls, beforeCommit } = await startLab(stateOf(THREE));
    beforeCommit.push(...Array.from({ length: 9 }, () => () => fake.byOthers()));
    expect(await change(stateOf(FOUR))).toMatchObject({ outcome: 'ok' });
    expect(calls).toMatchObject({ commit: 10, structure: 9, observe: 0 });
    expect(textOf(fake)).toBe(await fromScratch(stateOf(FOUR)));
  });

  it('at every try ends in an error, after which the next sync writes everything that is missing', async () => {
    const { change, again, fake, beforeCommit } = await startLab(stateOf(THREE));
    beforeCommit.push(...Array.from({ length: 100 }, () => () => fake.byOthers()));
    expect(await change(stateOf(FOUR))).toMatchObject({ outcome: 'failed', error: { code: 'busy' } });
    beforeCommit.length = 0;
    expect(await again()).toMatchObject({ outcome: 'ok' });
    expect(textOf(fake)).toBe(await fromScratch(stateOf(FOUR)));
  });
});

describe('a first sync between whose batches other processes commit', () => {
  it('goes on with what is left, however many batches there are', async () => {
    const fake = createFakeNftables({ family: 'IPv4' });
    // A batch for each operation, and a commit of another process behind each.
    const commit: NftablesDriver['commit'] = async (work) => {
      const [first, ...more] = work.operations;
      const operations = first === undefined ? [] : [first];
      const taken = await fake.driver.commit({ ...work, operations });
      if (more.length === 0 || taken.result === 'stale' || !taken.result.ok) return taken;
      fake.byOthers();
      return { ...taken, result: 'stale' };
    };
    const backend = createNftablesBackend({ family: 'IPv4', driver: { ...fake.driver, commit } });
    const results = [
      await backend.sync(fullChange(stateOf(THREE))),
      await backend.sync(fullChange(stateOf(THREE))),
    ];
    expect(results.at(-1)).toMatchObject({ outcome: 'ok' });
    expect(textOf(fake)).toBe(await fromScratch(stateOf(THREE)));
  });
});

describe('a change of elements between whose batches other processes commit', () => {
  it('writes no operation twice, also where the kernel does not count elements', async () => {
    const fake = createFakeNftables({ family: 'IPv4', counts: false });
    const taken: Operation[] = [];
    const splitting = { on: false };
    const commit: NftablesDriver['commit'] = async (work) => {
      const operations = splitting.on ? work.operations.slice(0, 1) : work.operations;
      const committed = await fake.driver.commit({ ...work, operations });
      if (committed.result !== 'stale' && committed.result.ok) taken.push(...operations);
      if (!splitting.on || operations.length === work.operations.length) return committed;
      splitting.on = false;
      fake.byOthers();
      return { ...committed, result: 'stale' };
    };
    const backend = createNftablesBackend({ family: 'IPv4', driver: { ...fake.driver, commit } });
    await backend.sync(fullChange(stateOf(THREE)));
    splitting.on = true;
    const result = await backend.sync(changeBetween(stateOf(THREE), stateOf([...FOUR, { endpoints: 2 }])));
    expect(result).toMatchObject({ outcome: 'ok' });
    expect(splitting.on).toBe(false);
    expect(new Set(taken.map((each) => JSON.stringify(each))).size).toBe(taken.length);
    expect(textOf(fake)).toBe(await fromScratch(stateOf([...FOUR, { endpoints: 2 }])));
  });
});

describe('the table', () => {
  it('that another process deleted is written again, and reported as one difference', async () => {
    const { again, fake } = await startLab(stateOf(THREE));
    fake.deleteByOthers();
    expect(await again()).toMatchObject({
      outcome: 'ok',
      repaired: [{ kind: 'missing', type: 'table', name: 'kube-proxy' }],
    });
    expect(textOf(fake)).toBe(await fromScratch(stateOf(THREE)));
  });

  it('in which another process changed elements alone is repaired by elements alone', async () => {
    const { again, fake, backend } = await startLab(stateOf(THREE));
    const [key = '', data = ''] = [...(fake.table?.sets.get('cluster-endpoints')?.elements ?? [])][0] ?? [];
    fake.byOthers(
      { kind: 'delete-elements', set: 'cluster-endpoints', keys: [key] },
      { kind: 'add-elements', set: 'cluster-ips', entries: [{ key: '10.96.77.77', data: '' }] },
    );
    const result = await again();
    expect(result).toMatchObject({ counters: { batches: 1, elementsAdded: 1, elementsDeleted: 1 } });
    expect(result.counters).not.toHaveProperty('chainsWritten');
    expect(result.repaired).toEqual([
      { kind: 'missing', type: 'element', name: key, within: 'cluster-endpoints' },
      { kind: 'stale', type: 'element', name: '10.96.77.77', within: 'cluster-ips' },
    ]);
    expect(fake.table?.sets.get('cluster-endpoints')?.elements.get(key)).toBe(data);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('that a restarted backend finds as it should be is not written', async () => {
    const { fake } = await startLab(stateOf(THREE));
    const { commits } = fake;
    const restarted = createNftablesBackend({ family: 'IPv4', driver: fake.driver });
    expect(await restarted.sync(fullChange(stateOf(THREE)))).toMatchObject({ outcome: 'ok', repaired: [] });
    expect(fake.commits).toBe(commits);
  });
});

describe('a service port that the kernel refuses', () => {
  const refusing = { on: true };
  const refuses = (set: string, key: string): boolean =>
    refusing.on && set === 'service-ips' && key.startsWith('10.96.0.1 ');

  it('fails alone, and is programmed as soon as the kernel accepts it', async () => {
    refusing.on = true;
    const { change, again, fake } = await startLab(stateOf([THREE[0]]), { refuses });
    const result = await change(stateOf(FOUR));
    expect(result.outcome).toBe('partial');
    expect(result.failures.map(({ key }) => key)).toEqual(['shop/service-1:http/TCP']);
    expect(fake.table?.sets.get('service-ips')?.elements.has('10.96.0.0 . tcp . 80')).toBe(true);
    expect(fake.table?.sets.get('service-nodeports')?.elements.size).toBe(0);
    expect((await again()).failures).toHaveLength(1);
    refusing.on = false;
    expect(await again()).toMatchObject({ outcome: 'ok', failures: [] });
    expect(textOf(fake)).toBe(await fromScratch(stateOf(FOUR)));
  });
});

describe('a service port that the kernel refuses, where a trial of all service ports is too large', () => {
  it('is found in smaller trials, and the size alone blames no service port', async () => {
    const refuses = (set: string, key: string): boolean =>
      set === 'service-ips' && key.startsWith('10.96.0.5 ');
    const fake = createFakeNftables({ family: 'IPv4', refuses });
    const sizes: number[] = [];
    const trial: NftablesDriver['trial'] = (work) => {
      const [frontends = 0] = work.operations.flatMap((operation) =>
        operation.kind === 'add-elements' && operation.set === 'service-ips'
          ? [operation.entries.length]
          : [],
      );
      sizes.push(frontends);
      const error = backendError('unavailable', 'sendmsg', 'EMSGSIZE', { kernel: 'unchanged' });
      return frontends > 2 ? Promise.resolve(fail(error)) : fake.driver.trial(work);
    };
    const backend = createNftablesBackend({ family: 'IPv4', driver: { ...fake.driver, trial } });
    const result = await backend.sync(
      fullChange(stateOf(Array.from({ length: 8 }, () => ({ endpoints: 1 })))),
    );
    expect(result.outcome).toBe('partial');
    expect(result.failures.map(({ key }) => key)).toEqual(['shop/service-5:http/TCP']);
    expect(fake.table?.sets.get('service-ips')?.elements.size).toBe(7);
    expect(Math.max(...sizes)).toBe(8);
  });
});

describe('a service port that the kernel refused before a full change', () => {
  it('is programmed by it if the kernel accepts it now, and reported again if not', async () => {
    const refusing = { on: true };
    const refuses = (set: string, key: string): boolean =>
      refusing.on && set === 'service-ips' && key.startsWith('10.96.0.1 ');
    const { backend, fake } = await startLab(stateOf([THREE[0]]), { refuses });
    expect((await backend.sync(fullChange(stateOf(FOUR)))).failures).toHaveLength(1);
    expect((await backend.sync(fullChange(stateOf(FOUR)))).failures).toHaveLength(1);
    refusing.on = false;
    expect(await backend.sync(fullChange(stateOf(FOUR)))).toMatchObject({ outcome: 'ok', failures: [] });
    expect(textOf(fake)).toBe(await fromScratch(stateOf(FOUR)));
  });
});

describe('a kernel without a feature', () => {
  const capabilities = { concatenatedIntervals: false, elementCounters: false, clientHash: true };
  const state = stateOf([{ exposed: 'cluster', sourceRanges: ['198.51.100.0/24', '198.51.100.7/32'] }]);

  it('has no set of source ranges, but a chain for the ranges of each service', async () => {
    const { fake, backend } = await startLab(state, { capabilities });
    expect(fake.table?.sets.has('source-ranges')).toBe(false);
    expect(fake.table?.chains.has('firewall/ranges')).toBe(false);
    const [target = ''] = fake.table?.sets.get('firewall-ips')?.elements.values() ?? [];
    expect(target).toMatch(/^goto firewall-[A-Z2-7]{8}-shop\/service-0\/tcp\/http$/);
    expect(fake.table?.chains.get(target.slice(5))?.chain.rules).toHaveLength(2);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('has no counters in elements', async () => {
    const { fake } = await startLab(state, { capabilities });
    const counting = [...(fake.table?.sets.values() ?? [])].filter(({ declaration }) => declaration.counter);
    expect(counting).toEqual([]);
  });

  it('that the mode needs gets no table; the error has the reason', async () => {
    const { fake, again } = await startLab(state, { faults: (operation) => operation === 'probe' });
    expect(fake.table).toBeNull();
    expect(await again()).toMatchObject({ outcome: 'failed', error: { operation: 'probe' } });
  });
});

describe('chains that are no longer desired', () => {
  const sticky = stateOf([{ affinitySeconds: 60 }, {}]);
  const plain = stateOf([{}, {}]);
  const affinityChains = ({ table }: FakeNftables): readonly string[] =>
    [...(table?.chains.keys() ?? [])].filter((name) => /^(service|local|endpoint)-[A-Z2-7]{8}-/.test(name));

  it('are emptied and deleted in a batch behind that of the verdicts that led to them', async () => {
    const { change, fake, calls } = await startLab(sticky);
    expect(affinityChains(fake)).toHaveLength(4);
    expect(await change(plain)).toMatchObject({ outcome: 'ok', counters: { batches: 2, chainsDeleted: 4 } });
    expect(calls.commit).toBe(2);
    expect(affinityChains(fake)).toEqual([]);
  });

  it('and that the kernel still holds are deleted by a later sync, and are no repair', async () => {
    const held = { on: true };
    const isHeld = ({ kind }: Operation): boolean => held.on && kind === 'delete-chain';
    const { change, again, fake } = await startLab(sticky, { holds: isHeld });
    expect(await change(plain)).toMatchObject({ outcome: 'ok', failures: [] });
    expect(affinityChains(fake)).toHaveLength(4);
    held.on = false;
    expect(await again()).toMatchObject({ outcome: 'ok', repaired: [], counters: { chainsDeleted: 4 } });
    expect(textOf(fake)).toBe(await fromScratch(plain));
  });
});

describe('a set of another form, which rules of other processes use', () => {
  it('is made anew with its elements and the rules that use it', async () => {
    const { again, fake } = await startLab(stateOf(THREE));
    const declaration = fake.table?.sets.get('source-ranges')?.declaration;
    const lookup = rule([{ kind: 'in-set', key: ['daddr'], set: 'source-ranges' }], { kind: 'masquerade' });
    fake.byOthers(
      { kind: 'flush-chain', name: 'firewall/ranges' },
      { kind: 'delete-set', name: 'source-ranges' },
      { kind: 'add-set', set: { name: 'source-ranges', key: ['ipv4_addr'] } },
      { kind: 'add-chain', chain: { name: 'other', rules: [] } },
      { kind: 'write-rules', chain: { name: 'other', rules: [lookup] } },
      { kind: 'write-rules', chain: { name: 'masquerading', rules: [lookup] } },
    );
    expect(await again()).toMatchObject({ outcome: 'ok' });
    expect(fake.table?.sets.get('source-ranges')?.declaration).toEqual(declaration);
    expect(textOf(fake)).toBe(await fromScratch(stateOf(THREE)));
  });
});

describe('a table that another process set dormant', () => {
  it('is woken by a sync without a change, and reported as altered', async () => {
    const { again, fake, calls } = await startLab(stateOf(THREE));
    fake.putToSleepByOthers();
    expect(await again()).toMatchObject({
      outcome: 'ok',
      repaired: [{ kind: 'altered', type: 'table', name: 'kube-proxy' }],
      counters: { batches: 1, objectsChanged: 1 },
    });
    expect(fake.table?.dormant).toBe(false);
    expect(calls.commit).toBe(1);
  });
});

describe('a table that another process deleted and made anew, dormant', () => {
  it('is woken first, since the kernel refuses new base chains with that, then filled', async () => {
    const { again, fake, backend } = await startLab(stateOf(THREE));
    fake.deleteByOthers();
    fake.putToSleepByOthers();
    expect(await again()).toMatchObject({ outcome: 'ok', counters: { batches: 2 } });
    expect(fake.table?.dormant).toBe(false);
    expect(textOf(fake)).toBe(await fromScratch(stateOf(THREE)));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('a chain that rules of other processes hold', () => {
  it('and that has to be made anew is, with the whole table, in one batch', async () => {
    const { again, fake, backend } = await startLab(stateOf(THREE));
    fake.byOthers(
      { kind: 'delete-chain', name: 'filter-input' },
      { kind: 'add-chain', chain: { name: 'filter-input', rules: [] } },
      { kind: 'add-chain', chain: { name: 'other', rules: [] } },
      { kind: 'write-rules', chain: { name: 'other', rules: [rule([], jump('filter-input'))] } },
    );
    expect(await again()).toMatchObject({
      outcome: 'ok',
      repaired: [
        { kind: 'altered', type: 'chain', name: 'filter-input' },
        { kind: 'stale', type: 'chain', name: 'other' },
      ],
      counters: { batches: 1 },
    });
    expect(textOf(fake)).toBe(await fromScratch(stateOf(THREE)));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('a set that nft would list in another form', () => {
  it('is made anew, so that the listing can be loaded', async () => {
    const { again, fake } = await startLab(stateOf(THREE));
    const declaration = fake.table?.sets.get('cluster-endpoints')?.declaration;
    if (declaration?.typeof === undefined) throw new Error('no such set');
    const { typeof: _, ...set } = declaration;
    const users = [...(fake.table?.chains.values() ?? [])].map(({ chain }) => chain);
    fake.byOthers({ kind: 'recreate-set', set, users });
    expect((await again()).outcome).toBe('ok');
    expect(fake.table?.sets.get('cluster-endpoints')?.declaration).toEqual(declaration);
    expect(textOf(fake)).toBe(await fromScratch(stateOf(THREE)));
  });
});

describe('a base chain whose policy another process changed', () => {
  it('is made anew, since its packets are dropped', async () => {
    const { again, fake } = await startLab(stateOf(THREE));
    const chain = fake.table?.chains.get('filter-input')?.chain;
    const base = { ...(chain?.base as BaseChain), policy: 'drop' } as const;
    fake.byOthers({ kind: 'recreate-chain', chain: { name: 'filter-input', rules: [], ...chain, base } });
    expect(await again()).toMatchObject({
      outcome: 'ok',
      repaired: [{ kind: 'altered', type: 'chain', name: 'filter-input' }],
    });
    expect(fake.table?.chains.get('filter-input')?.chain.base).toEqual(chain?.base);
  });
});
