import { FAMILIES } from '@signalbox/core';
import { createNftablesClient } from '@signalbox/netlink';
import { afterAll, describe, expect, it } from 'vitest';
import { hasNftFamily } from './nft-family.ts';

const client = createNftablesClient();

afterAll(() => client.close());

describe('the query for a family of nf_tables', () => {
  it.each(FAMILIES)(
    'finds %s in this kernel, and leaves neither a table nor a raised generation',
    async (family) => {
      const before = [await client.generation(), await client.listTables()];
      expect(before).toMatchObject([{ ok: true }, { ok: true }]);
      expect(await hasNftFamily(family)).toBe(true);
      expect([await client.generation(), await client.listTables()]).toEqual(before);
    },
  );
});
