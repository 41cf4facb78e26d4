import type { NetlinkError, NetlinkErrorCode, NftablesClient, NftablesTable } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { nftablesCleaners } from './nftables.ts';

const OTHERS: readonly NftablesTable[] = [
  { family: 'inet', name: 'kube-proxy' },
  { family: 'ip', name: 'filter' },
];

interface Refusals {
  readonly list?: NetlinkErrorCode;
  readonly delete?: NetlinkErrorCode;
}

const notCalled = () => Promise.reject(new Error('not part of a clean-up'));

/** Calls that a clean-up has no use for. */
const UNUSED = {
  generation: notCalled,
  commit: notCalled,
  listChains: notCalled,
  listRules: notCalled,
  listSets: notCalled,
  listElements: notCalled,
};

function nodeWith(tables: readonly NftablesTable[], refusals: Refusals = {}) {
  const state = { tables: [...tables], open: 0 };
  const refuse = (operation: string, code: NetlinkErrorCode): { ok: false; error: NetlinkError } => ({
    ok: false,
    error: { code, operation, message: code },
  });
  const connect = (): NftablesClient => {
    state.open += 1;
    return {
      ...UNUSED,
      listTables: async () =>
        refusals.list ? refuse('NFT_MSG_GETTABLE', refusals.list) : { ok: true, value: [...state.tables] },
      deleteTable: async ({ family, name }) => {
        if (refusals.delete) return refuse('NFT_MSG_DELTABLE', refusals.delete);
        state.tables = state.tables.filter((each) => each.family !== family || each.name !== name);
        return { ok: true, value: null };
      },
      close: () => {
        state.open -= 1;
      },
    };
  };
  const clean = () => Promise.all(nftablesCleaners(connect).map((cleaner) => cleaner.clean()));
  return { state, clean };
}

describe('cleaning up after nftables mode', () => {
  it('F89: deletes its tables and no others, and closes its sockets', async () => {
    const { state, clean } = nodeWith([
      ...OTHERS,
      { family: 'ip', name: 'kube-proxy' },
      { family: 'ip6', name: 'kube-proxy' },
    ]);
    expect(await clean()).toEqual([
      { outcome: 'ok', removed: ['table ip kube-proxy'] },
      { outcome: 'ok', removed: ['table ip6 kube-proxy'] },
    ]);
    expect(state).toEqual({ tables: OTHERS, open: 0 });
  });

  it('removes nothing where there is nothing, or no nf_tables in the kernel', async () => {
    const nothing = { outcome: 'ok', removed: [] };
    expect(await nodeWith(OTHERS).clean()).toEqual([nothing, nothing]);
    expect(await nodeWith([], { list: 'unsupported' }).clean()).toEqual([nothing, nothing]);
    const vanished = nodeWith([{ family: 'ip', name: 'kube-proxy' }], { delete: 'not-found' });
    expect(await vanished.clean()).toEqual([nothing, nothing]);
  });

  it.each<Refusals>([{ list: 'not-permitted' }, { delete: 'busy' }])(
    'reports a refusal: %j',
    async (refusals) => {
      const [code] = Object.values(refusals);
      const results = await nodeWith([{ family: 'ip', name: 'kube-proxy' }], refusals).clean();
      expect(results[0]).toMatchObject({ outcome: 'failed', error: { code } });
    },
  );
});
