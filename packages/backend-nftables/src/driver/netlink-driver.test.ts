import type { NetlinkError, NetlinkResult, NftablesClient } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { setDeclarations } from '../compile/sets.ts';
import type { Commit } from './nftables-driver.ts';
import { createOwnCommits } from './own-commits.ts';
import { createNetlinkDriver } from './netlink-driver.ts';

const CAPABILITIES = { concatenatedIntervals: true, elementCounters: true, clientHash: true };
const SETS = setDeclarations({ family: 'IPv4', nodePorts: 'ranges', capabilities: CAPABILITIES });
const DONE: NetlinkResult<null> = { ok: true, value: null };

function refusal(errnoName: string, code: NetlinkError['code']): NetlinkResult<null> {
  const operation = 'NFNL_MSG_BATCH_BEGIN';
  return { ok: false, error: { code, operation, message: errnoName, errnoName } };
}

/** A client whose batches end like this, and the generations that they named. */
function clientOf(...results: readonly NetlinkResult<null>[]) {
  const generations: (number | undefined)[] = [];
  const next = results.values();
  const client = {
    commit: (_: unknown, generation?: number) => {
      generations.push(generation);
      return Promise.resolve(next.next().value ?? DONE);
    },
  } as unknown as NftablesClient;
  return { client, generations };
}

/** Of three batches. */
function largeWork(generation: number, ownCommits = createOwnCommits()): Commit {
  const entries = Array.from({ length: 12_000 }, (_, index) => ({
    key: `10.96.${index >> 8}.${index & 255} . tcp . 80 . 0`,
    data: '10.244.0.1 . 8080',
  }));
  return {
    operations: [{ kind: 'add-elements', set: 'cluster-endpoints', entries }],
    generation,
    ownCommits,
    sets: new Map(SETS.map((set) => [set.name, set])),
  };
}

/** A kernel with one chain and one set, in which another process commits `commits` times, once in each listing of elements. */
function listedKernel(commits: number, onCommit: (handles: { chain: number }) => void = () => undefined) {
  const now = { generation: 7, left: commits, listings: 0, commitsBesideChains: 0 };
  const handles = { chain: 1 };
  const answer = <T>(value: T): Promise<NetlinkResult<T>> => Promise.resolve({ ok: true, value });
  const client = {
    generation: () => answer(now.generation),
    listChains: () => {
      if (now.commitsBesideChains-- > 0) now.generation++;
      return answer([{ name: 'services', handle: handles.chain }]);
    },
    listTables: () => answer([{ name: 'kube-proxy', family: 'ip' }]),
    listRules: () => answer([]),
    listRuleIdentities: () => answer([]),
    listSets: () => answer([{ name: 'no-endpoint-services', flags: 0, keyType: 1, count: 0 }]),
    readElements: () => {
      now.listings++;
      if (now.left-- > 0) {
        now.generation++;
        onCommit(handles);
      }
      return answer([]);
    },
  } as unknown as NftablesClient;
  const sets = SETS.filter(({ name }) => name === 'no-endpoint-services');
  const driver = createNetlinkDriver({ family: 'IPv4', client });
  return { now, driver, observe: () => driver.observe(sets) };
}

describe('an observation', () => {
  it('is repeated where another process commits, and is of one generation', async () => {
    const { now, observe } = listedKernel(2);
    const observed = await observe();
    expect(observed).toMatchObject({ ok: true, value: { generation: 9, quality: 'consistent' } });
    expect(now.listings).toBe(3);
  });

  it('ends where other processes commit all the time, as long as the structure of the table stays', async () => {
    const { now, observe } = listedKernel(Infinity);
    const observed = await observe();
    const generation = now.generation;
    expect(observed).toMatchObject({ ok: true, value: { generation, quality: 'interrupted' } });
    expect(now.listings).toBe(5);
  });

  it('fails where each commit changes the table', async () => {
    const { observe } = listedKernel(Infinity, (handles) => handles.chain++);
    expect(await observe()).toMatchObject({ ok: false, error: { code: 'busy', kernel: 'unchanged' } });
  });

  it('has the structure of one generation, also where a commit comes between its listings', async () => {
    const { now, driver } = listedKernel(0);
    now.commitsBesideChains = 1;
    const [structure, again] = [await driver.structure(), await driver.structure()];
    expect(structure).toMatchObject({ ok: true, value: { generation: 8 } });
    expect(structure).toEqual(again);
  });
});

describe('a reading of counters', () => {
  it.each([
    ['not-found', { ok: true, value: [] }],
    ['not-permitted', { ok: false, error: { code: 'not-permitted' } }],
  ] as const)('of several sets, one of which is %s', async (code, expected) => {
    const asked: string[] = [];
    const client = {
      readElements: (_: unknown, set: string) => {
        asked.push(set);
        return Promise.resolve(asked.length === 1 ? refusal('E', code) : { ok: true, value: null });
      },
    } as unknown as NftablesClient;
    const [one, two] = SETS;
    if (one === undefined || two === undefined) throw new Error('no sets');
    const counted = await createNetlinkDriver({ family: 'IPv4', client }).readCounters(
      [one, two],
      () => true,
    );
    expect(counted).toMatchObject(expected);
    expect(asked).toHaveLength(code === 'not-found' ? 2 : 1);
  });
});

describe('deleting the table', () => {
  it.each([
    ['removes it', DONE, { ok: true, value: true }],
    ['reports that there was none', refusal('ENOENT', 'not-found'), { ok: true, value: false }],
    [
      'reports why it could not',
      refusal('EPERM', 'not-permitted'),
      { ok: false, error: { code: 'not-permitted' } },
    ],
  ] as const)('%s', async (_, answer, expected) => {
    const client = { deleteTable: () => Promise.resolve(answer) } as unknown as NftablesClient;
    expect(await createNetlinkDriver({ family: 'IPv4', client }).deleteTable()).toMatchObject(expected);
  });
});

describe('a commit of several batches', () => {
  it('names in each the generation that the one before it made, and counts on from 2^32 - 1 at 0', async () => {
    const { client, generations } = clientOf();
    const committed = await createNetlinkDriver({ family: 'IPv4', client }).commit(largeWork(0xffff_fffe));
    expect(generations).toEqual([0xffff_fffe, 0xffff_ffff, 0]);
    expect(committed).toEqual({ result: { ok: true, value: null }, generation: 1, batches: 3 });
  });

  it('is stale, with nothing written, where the first names another generation', async () => {
    const { client, generations } = clientOf(refusal('ERESTART', 'busy'));
    const committed = await createNetlinkDriver({ family: 'IPv4', client }).commit(largeWork(7));
    expect(committed).toEqual({ result: 'stale', generation: 7, batches: 0 });
    expect(generations).toHaveLength(1);
  });

  it('is stale, with the batches counted that were taken, where another process commits between two', async () => {
    const { client } = clientOf(DONE, refusal('ERESTART', 'busy'));
    const committed = await createNetlinkDriver({ family: 'IPv4', client }).commit(largeWork(7));
    expect(committed).toEqual({ result: 'stale', generation: 8, batches: 1 });
  });

  it('continues after a commit of the other family, and reports its own commits to it', async () => {
    const ownCommits = createOwnCommits();
    const results = [DONE, refusal('ERESTART', 'busy'), DONE, DONE].values();
    const generations: (number | undefined)[] = [];
    const commit = (_: unknown, generation?: number) => {
      generations.push(generation);
      const result = results.next().value ?? DONE;
      if (!result.ok) ownCommits.add(8, 9);
      return Promise.resolve(result);
    };
    const client = { commit } as unknown as NftablesClient;
    const committed = await createNetlinkDriver({ family: 'IPv4', client }).commit(largeWork(7, ownCommits));
    expect(generations).toEqual([7, 8, 9, 10]);
    expect(committed).toMatchObject({ result: { ok: true }, generation: 11, batches: 3 });
    expect(ownCommits.latestSince(7)).toBe(11);
  });

  it('leaves the kernel in an unknown state where a later one is refused', async () => {
    const { client } = clientOf(DONE, refusal('EINVAL', 'rejected'));
    const { result, batches } = await createNetlinkDriver({ family: 'IPv4', client }).commit(largeWork(7));
    expect(result).toMatchObject({ ok: false, error: { code: 'rejected', kernel: 'unknown' } });
    expect(batches).toBe(1);
  });

  it('leaves the kernel unchanged where the first is refused for its content', async () => {
    const { client } = clientOf(refusal('EINVAL', 'rejected'));
    const { result } = await createNetlinkDriver({ family: 'IPv4', client }).commit(largeWork(7));
    expect(result).toMatchObject({ ok: false, error: { code: 'rejected', kernel: 'unchanged' } });
  });

  it('leaves the kernel in an unknown state where no answer came', async () => {
    const { client } = clientOf(refusal('ETIMEDOUT', 'timeout'));
    const { result } = await createNetlinkDriver({ family: 'IPv4', client }).commit(largeWork(7));
    expect(result).toMatchObject({ ok: false, error: { code: 'timeout', kernel: 'unknown' } });
  });
});
