/** Cleaners of modes that write iptables, in this kernel: nf_tables and legacy tables of both families. */
import { execFileSync } from 'node:child_process';
import { FAMILIES, type Family } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { settingsOf } from '../testing/settings.ts';
import { IPTABLES } from './iptables.ts';
import { IPVS } from './ipvs.ts';
import type { Successor } from './proxy-mode.ts';

const held = { path: process.env['PATH'] };
const MODES = { iptables: IPTABLES, ipvs: IPVS } as const;
const PROGRAMS = ['iptables', 'ip6tables'] as const;

/** A table that does not exist is created by the query. */
function query(program: string, ...words: readonly string[]): void {
  execFileSync(program, ['-w', '-t', 'nat', ...words]);
}

/** As a mode that runs with rules in the nft variant, or without any. */
function successor(mode: string, families: readonly Family[] = []): Successor {
  const rules = { isOwnChain: () => false, isOwnJump: () => false };
  return {
    mode,
    rules: (family) => (families.includes(family) ? { variant: 'nft', rules } : null),
    keepConnections: false,
  };
}

async function clean(
  mode: keyof typeof MODES,
  by?: Successor,
): Promise<readonly (readonly string[] | string)[]> {
  const cleaners = MODES[mode].cleaners(settingsOf([]), by).filter(({ family }) => family !== null);
  const results = await Promise.all(cleaners.map((each) => each.clean()));
  return results.map((result) => (result.outcome === 'ok' ? result.removed : result.error.code));
}

function withoutPrograms(): void {
  process.env['PATH'] = '/var/empty';
}

afterEach(() => {
  process.env['PATH'] = held.path;
  for (const program of PROGRAMS) query(`${program}-nft`, '-F');
  for (const program of PROGRAMS) query(`${program}-nft`, '-X');
});

describe('the clean-up of modes that write iptables', () => {
  it('starts no program where there is nothing to remove, whichever mode runs', async () => {
    for (const program of PROGRAMS) query(`${program}-nft`, '-N', 'KUBE-KUBELET-CANARY');
    withoutPrograms();
    expect(await clean('iptables')).toEqual([[], []]);
    expect(await clean('iptables', successor('nftables'))).toEqual([[], []]);
    expect(await clean('iptables', successor('iptables', FAMILIES))).toEqual([[], []]);
    expect(await clean('iptables', successor('ipvs', FAMILIES))).toEqual([[], []]);
    expect(await clean('ipvs', successor('ipvs', FAMILIES))).toEqual([[], []]);
  });

  it.each(FAMILIES)('starts one where a chain of %s may be removed', async (family) => {
    query(`${family === 'IPv4' ? 'iptables' : 'ip6tables'}-nft`, '-N', 'KUBE-SVC-AAAAAAAAAAAAAAAA');
    const expected = FAMILIES.map((each) => (each === family ? ['1 chains in table nat (nft)'] : []));
    withoutPrograms();
    expect(await clean('iptables', successor('nftables'))).toEqual(
      FAMILIES.map((each) => (each === family ? 'unavailable' : [])),
    );
    process.env['PATH'] = held.path;
    expect(await clean('iptables', successor('nftables'))).toEqual(expected);
    withoutPrograms();
    expect(await clean('iptables', successor('nftables'))).toEqual([[], []]);
  });

  it('starts one where the legacy variant has tables, and then removes its chains', async () => {
    for (const program of PROGRAMS) query(`${program}-legacy`, '-N', 'KUBE-SVC-AAAAAAAAAAAAAAAA');
    const removed = [['1 chains in table nat (legacy)'], ['1 chains in table nat (legacy)']];
    expect(await clean('iptables', successor('iptables', FAMILIES))).toEqual(removed);
    expect(await clean('iptables', successor('iptables', FAMILIES))).toEqual([[], []]);
    withoutPrograms();
    expect(await clean('iptables', successor('nftables'))).toEqual(['unavailable', 'unavailable']);
  });
});
