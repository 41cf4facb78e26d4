/** Cleaners of modes that write iptables, in this kernel: nf_tables and legacy tables of both families. */
import path from 'node:path';
import { FAMILIES, type Family } from '@signalbox/core';
import { createRemote } from '@signalbox/netns/remote';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Cleaners, RunningMode } from '../testing/cleaners-child.ts';

const PROGRAMS = ['iptables', 'ip6tables'] as const;
const PATH = process.env['PATH'] ?? '';
const held = { path: PATH };

/** In a namespace of its own: the kernel keeps legacy tables that other tests create until their namespace ends. */
const cleaners = createRemote<Cleaners>({
  prefix: ['unshare', '--net'],
  script: path.join(import.meta.dirname, '../testing/cleaners-child.ts'),
  args: [],
});
const query = cleaners.method('query');
const clean = (mode: 'iptables' | 'ipvs', by?: RunningMode) =>
  cleaners.method('clean')(mode, { path: held.path, ...(by === undefined ? {} : { by }) });

/** As a mode that runs with rules in the nft variant, or without any. */
const successor = (mode: string, families: readonly Family[] = []): RunningMode => ({ mode, families });

function withoutPrograms(): void {
  held.path = '/var/empty';
}

afterEach(async () => {
  held.path = PATH;
  for (const program of PROGRAMS) await query(`${program}-nft`, '-F');
  for (const program of PROGRAMS) await query(`${program}-nft`, '-X');
});
afterAll(() => cleaners.close());

describe('the clean-up of modes that write iptables', () => {
  it('starts no program where there is nothing to remove, whichever mode runs', async () => {
    for (const program of PROGRAMS) await query(`${program}-nft`, '-N', 'KUBE-KUBELET-CANARY');
    withoutPrograms();
    expect(await clean('iptables')).toEqual([[], []]);
    expect(await clean('iptables', successor('nftables'))).toEqual([[], []]);
    expect(await clean('iptables', successor('iptables', FAMILIES))).toEqual([[], []]);
    expect(await clean('iptables', successor('ipvs', FAMILIES))).toEqual([[], []]);
    expect(await clean('ipvs', successor('ipvs', FAMILIES))).toEqual([[], []]);
  });

  it.each(FAMILIES)('starts one where a chain of %s may be removed', async (family) => {
    await query(`${family === 'IPv4' ? 'iptables' : 'ip6tables'}-nft`, '-N', 'KUBE-SVC-AAAAAAAAAAAAAAAA');
    const expected = FAMILIES.map((each) => (each === family ? ['1 chains in table nat (nft)'] : []));
    withoutPrograms();
    expect(await clean('iptables', successor('nftables'))).toEqual(
      FAMILIES.map((each) => (each === family ? 'unavailable' : [])),
    );
    held.path = PATH;
    expect(await clean('iptables', successor('nftables'))).toEqual(expected);
    withoutPrograms();
    expect(await clean('iptables', successor('nftables'))).toEqual([[], []]);
  });

  it('starts one where the legacy variant has tables, and then removes its chains', async () => {
    for (const program of PROGRAMS) await query(`${program}-legacy`, '-N', 'KUBE-SVC-AAAAAAAAAAAAAAAA');
    const removed = [['1 chains in table nat (legacy)'], ['1 chains in table nat (legacy)']];
    expect(await clean('iptables', successor('iptables', FAMILIES))).toEqual(removed);
    expect(await clean('iptables', successor('iptables', FAMILIES))).toEqual([[], []]);
    withoutPrograms();
    expect(await clean('iptables', successor('nftables'))).toEqual(['unavailable', 'unavailable']);
  });
});
