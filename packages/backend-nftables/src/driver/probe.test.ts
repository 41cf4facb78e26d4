import { FAMILIES } from '@signalbox/core';
import type { NetlinkError, NetlinkRequest, NftablesClient } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { createNetlinkDriver } from './netlink-driver.ts';

interface Kernel {
  readonly client: NftablesClient;
  readonly batches: (readonly NetlinkRequest[])[];
}

/** A kernel that refuses batches with these words in a request: names of expressions and sets are in it as text. */
function kernelWithout(word: string | null, code: NetlinkError['code'] = 'not-found'): Kernel {
  const batches: (readonly NetlinkRequest[])[] = [];
  const commit: NftablesClient['commit'] = (requests) => {
    batches.push(requests);
    const refused = requests.find(({ payload }) => word !== null && Buffer.from(payload).includes(word));
    if (refused === undefined) return Promise.resolve({ ok: true, value: null });
    const { operation } = refused;
    return Promise.resolve({ ok: false, error: { code, operation, message: 'No such file or directory' } });
  };
  return { client: { commit } as NftablesClient, batches };
}

describe.each(FAMILIES)('what the kernel can do, %s', (family) => {
  const probe = (kernel: Kernel) => createNetlinkDriver({ family, client: kernel.client }).probe();

  it('is asked in a table that no batch leaves behind', async () => {
    const kernel = kernelWithout(null);
    expect(await probe(kernel)).toEqual({
      ok: true,
      value: { concatenatedIntervals: true, elementCounters: true, clientHash: true },
    });
    for (const batch of kernel.batches) {
      expect(batch[0]).toMatchObject({ operation: 'NFT_MSG_NEWTABLE' });
      expect(batch.at(-1)).toMatchObject({ operation: 'NFT_MSG_DELTABLE' });
      for (const { payload } of batch) expect(Buffer.from(payload).includes('signalbox-trial')).toBe(true);
    }
  });

  it.each([
    ['source-ranges', { concatenatedIntervals: false, elementCounters: true, clientHash: true }],
    ['counter', { concatenatedIntervals: true, elementCounters: false, clientHash: true }],
    ['hash', { concatenatedIntervals: true, elementCounters: true, clientHash: false }],
  ])('does not end the start where only %s is missing', async (word, value) => {
    expect(await probe(kernelWithout(word))).toEqual({ ok: true, value });
  });

  it.each([
    ['numgen', 'nft_numgen'],
    ['masq', 'nft_masq'],
    ['reject', 'nft_reject'],
    ['fib', 'nft_fib'],
  ])('is an error of one line where it has no expression %s', async (word, module) => {
    const probed = await probe(kernelWithout(word));
    expect(probed).toMatchObject({ ok: false, error: { code: 'unsupported' } });
    const { message } = probed.ok ? { message: '' } : probed.error;
    expect(message).toMatch(new RegExp(`^nftables mode needs .*${module}.*, which this kernel lacks`));
    expect(message).not.toContain('\n');
  });

  it('is not said to be missing where the process may not ask', async () => {
    const probed = await probe(kernelWithout('signalbox-trial', 'not-permitted'));
    expect(probed).toMatchObject({
      ok: false,
      error: { code: 'not-permitted', message: 'No such file or directory' },
    });
  });
});
