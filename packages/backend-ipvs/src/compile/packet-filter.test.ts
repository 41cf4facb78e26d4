import { encodeChain, encodeRestore, encodeRule, restoreText, TABLES } from '@signalbox/iptables';
import { describe, expect, it } from 'vitest';
import { compilePacketFilter, obsoleteRules, type PacketFilterOptions } from './packet-filter.ts';

const OPTIONS: PacketFilterOptions = {
  family: 'IPv4',
  detector: { kind: 'cidrs', cidrs: ['10.244.0.0/16'] },
  clusterMasquerade: 'not-local-pods',
  masqueradeBit: 14,
  randomFully: true,
};

/** As it is given to `iptables-restore`: chains, then the jumps to them. */
function inputText(options: PacketFilterOptions): string {
  const { chains, jumps } = compilePacketFilter(options);
  const { family } = options;
  const tables = TABLES.map((table) => ({
    table,
    operations: [
      ...chains
        .filter((chain) => chain.table === table)
        .map(
          (chain) => ({ kind: 'write', chain: chain.name, rules: encodeChain(chain, family).rules }) as const,
        ),
      ...jumps
        .filter((jump) => jump.table === table)
        .map(({ chain, rule }) => ({ kind: 'insert', chain, rule: encodeRule(rule, family) }) as const),
    ],
  }));
  return restoreText(encodeRestore(tables));
}

describe('the packet filter', () => {
  it.each<[string, Partial<PacketFilterOptions>]>([
    ['cidr', {}],
    [
      'several-cidrs-ipv6',
      { family: 'IPv6', detector: { kind: 'cidrs', cidrs: ['fd00:1::/56', 'fd00:2::/56'] } },
    ],
    [
      'interface-bit-31',
      { detector: { kind: 'interface', name: 'cni0' }, masqueradeBit: 31, randomFully: false },
    ],
    ['interface-prefix', { detector: { kind: 'interface-prefix', prefix: 'cali' } }],
    ['no-detector', { detector: { kind: 'none' }, clusterMasquerade: 'service-addresses' }],
    ['masquerade-all', { clusterMasquerade: 'all' }],
  ])('%s', async (name, options) => {
    await expect(inputText({ ...OPTIONS, ...options })).toMatchFileSnapshot(`goldens/${name}.restore`);
  });

  it('removes every chain and jump that it makes', () => {
    const remains = obsoleteRules('IPv4');
    const known = new Set(remains.chains.map(({ table, name }) => `${table} ${name}`));
    const { chains, jumps } = compilePacketFilter(OPTIONS);
    expect(chains.filter(({ table, name }) => !known.has(`${table} ${name}`))).toEqual([]);
    expect(jumps.filter((jump) => !remains.jumps.includes(jump))).toEqual([]);
  });
});
