import { describe, expect, it } from 'vitest';
import { encodeRestore } from '../encode/restore-input.ts';
import { askOtherCommits, countCommits, createOwnCommits } from './other-commits.ts';

/** An nf_tables that counts commits. */
function kernel() {
  const client = {
    generation_: 40,
    generation: () => Promise.resolve({ ok: true, value: client.generation_ } as const),
  };
  return client;
}

const TWO_TABLES = encodeRestore([
  {
    table: 'nat',
    operations: [{ kind: 'write', chain: 'KUBE-A', rules: ['-m comment --comment "COMMIT"'] }],
  },
  { table: 'filter', operations: [{ kind: 'delete', chain: 'KUBE-B' }] },
]);

describe('commits of other processes', () => {
  it.each([
    ['an encoded input', TWO_TABLES, 2],
    ['a text, letter by letter', '*nat\nCOMMIT\n*nat\n-F A\nCOMMIT\n*filter\nCOMMIT\n', 3],
  ])('do not count the tables of %s', async (_, input, tables) => {
    const [own, nft] = [createOwnCommits(), kernel()];
    const before = await askOtherCommits(nft, own);
    await countCommits(own, input, async (counted) => {
      const text = [...counted].join('');
      nft.generation_ += text.split('\nCOMMIT\n').length - 1;
      return { isDone: true, value: null };
    });
    expect(own.committed).toBe(tables);
    expect(await askOtherCommits(nft, own)).toEqual(before);
    nft.generation_++;
    expect(await askOtherCommits(nft, own)).not.toEqual(before);
  });

  it('count nothing of a write that failed', async () => {
    const [own, nft] = [createOwnCommits(), kernel()];
    const before = await askOtherCommits(nft, own);
    await countCommits(own, TWO_TABLES, async (counted) => ({ isDone: false, value: [...counted] }));
    expect(await askOtherCommits(nft, own)).toEqual(before);
  });

  it('are not known while this process writes, nor where a write began during the query', async () => {
    const [own, nft] = [createOwnCommits(), kernel()];
    let end = (): void => undefined;
    const write = (): Promise<null> =>
      countCommits(own, TWO_TABLES, async () => {
        await new Promise<void>((resolve) => (end = resolve));
        return { isDone: true, value: null };
      });
    const first = write();
    expect(await askOtherCommits(nft, own)).toEqual({ kind: 'writing' });
    end();
    await first;
    const asked = askOtherCommits(nft, own);
    const second = write();
    expect(await asked).toEqual({ kind: 'writing' });
    end();
    await second;
    await expect(
      countCommits(own, TWO_TABLES, () => Promise.reject(new Error('no more processes'))),
    ).rejects.toThrow();
    expect(await askOtherCommits(nft, own)).toMatchObject({ kind: 'counted' });
  });

  it('are unavailable where the kernel does not reply', async () => {
    const error = { code: 'not-permitted', operation: 'NFT_MSG_GETGEN', message: 'EPERM' } as const;
    const client = { ...kernel(), generation: () => Promise.resolve({ ok: false, error } as const) };
    expect(await askOtherCommits(client, createOwnCommits())).toMatchObject({
      kind: 'unavailable',
      error: { code: 'not-permitted', message: 'EPERM' },
    });
  });
});
