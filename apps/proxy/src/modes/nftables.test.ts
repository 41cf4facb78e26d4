import type { NetlinkError, NftablesClient, NftablesTable } from '@signalbox/netlink';
import { createNetlinkDriver, type NftablesDriver } from '@signalbox/backend-nftables';
import { backendError, type BackendError, type BackendErrorCode, type Family } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { nftablesCleaners, probeNftables } from './nftables.ts';

const OTHERS: readonly NftablesTable[] = [
  { family: 'inet', name: 'kube-proxy' },
  { family: 'ip', name: 'filter' },
];

const notCalled = () => Promise.reject(new Error('not part of a clean-up'));

/** Calls that a clean-up has no use for. */
const UNUSED = {
  listTables: notCalled,
  generation: notCalled,
  commit: notCalled,
  listChains: notCalled,
  listRules: notCalled,
  listRuleIdentities: notCalled,
  listSets: notCalled,
  listElements: notCalled,
  readElements: notCalled,
};

function nodeWith(tables: readonly NftablesTable[], refusal?: BackendErrorCode) {
  const state = { tables: [...tables], open: 0 };
  const refuse = (code: BackendErrorCode): { ok: false; error: NetlinkError } => ({
    ok: false,
    error: { code, operation: 'NFT_MSG_DELTABLE', message: code },
  });
  const connect = (): NftablesClient => {
    state.open += 1;
    return {
      ...UNUSED,
      deleteTable: async ({ family, name }) => {
        if (refusal) return refuse(refusal);
        const others = state.tables.filter((each) => each.family !== family || each.name !== name);
        if (others.length === state.tables.length) return refuse('not-found');
        state.tables = others;
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
    expect(await nodeWith([], 'unsupported').clean()).toEqual([nothing, nothing]);
    const vanished = nodeWith([{ family: 'ip', name: 'kube-proxy' }], 'not-found');
    expect(await vanished.clean()).toEqual([nothing, nothing]);
  });

  it.each<BackendErrorCode>(['not-permitted', 'busy'])('reports a refusal: %s', async (code) => {
    const results = await nodeWith([{ family: 'ip', name: 'kube-proxy' }], code).clean();
    expect(results[0]).toMatchObject({ outcome: 'failed', error: { code } });
  });
});

describe('which families work in nftables mode', () => {
  const FILES = { read: () => '0', write: () => undefined };
  const CAPABILITIES = { concatenatedIntervals: true, elementCounters: true, clientHash: true };

  function scripted(family: Family, ...answers: readonly (BackendError | null)[]): NftablesDriver {
    const left = [...answers];
    return {
      ...createNetlinkDriver({ family }),
      probe: () => {
        const error = (left.length > 1 ? left.shift() : left[0]) ?? null;
        return Promise.resolve(error === null ? { ok: true, value: CAPABILITIES } : { ok: false, error });
      },
    };
  }

  async function probe(drivers: Record<Family, NftablesDriver>) {
    const clock = createManualClock();
    const lines: string[] = [];
    const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
    const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
    const state = { done: false };
    const asked = probeNftables({ clock, logger, files: FILES, openDriver: (family) => drivers[family] });
    const support = asked.finally(() => (state.done = true));
    while (!state.done) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(clock.pending.length === 0 ? 0 : 1000);
    }
    return { lines, ...(await support) };
  }

  it('F96: the kernel is asked again while it is busy; what it lacks is named', async () => {
    const lacking = backendError('unsupported', 'NFT_MSG_NEWSET', 'nftables mode needs nft_fib');
    const { families, reasons, lines } = await probe({
      IPv4: scripted('IPv4', backendError('busy', 'NFT_MSG_NEWSET', 'Device or resource busy'), null),
      IPv6: scripted('IPv6', lacking),
    });
    expect([families, reasons]).toEqual([
      ['IPv4'],
      ['no IPv6: NFT_MSG_NEWSET: nftables mode needs nft_fib (unsupported)'],
    ]);
    expect(lines).toEqual([expect.stringContaining('"nf_tables is not usable yet"')]);
  });
});
