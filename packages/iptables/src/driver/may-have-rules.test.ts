import { succeed, type BackendErrorCode, type Family } from '@signalbox/core';
import type { NftablesTable } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import type { Ownership } from '../diff/owned-rules.ts';
import type { KeptRules } from './iptables-driver.ts';
import { mayHaveRules, type RuleReads } from './may-have-rules.ts';

const OWN: Ownership = {
  isOwnChain: (_, name) => /^KUBE-(SERVICES|SVC-)/.test(name),
  isOwnJump: () => true,
};

interface Node {
  /** `ip nat` → its chains; a code instead: the kernel refuses the list. */
  readonly nft?: Readonly<Record<string, readonly string[] | BackendErrorCode>> | BackendErrorCode;
  /** By file; an errno name instead of lines: it cannot be read. */
  readonly legacy?: Readonly<Record<string, readonly string[] | string>>;
}

function node({ nft = {}, legacy = {} }: Node): RuleReads & { readonly asked: string[] } {
  const asked: string[] = [];
  const refused = (code: BackendErrorCode) =>
    ({ ok: false, error: { code, operation: 'NFT_MSG_GET', message: code } }) as const;
  const keys = typeof nft === 'string' ? [] : Object.keys(nft);
  const listTables = () => {
    asked.push('tables');
    if (typeof nft === 'string') return Promise.resolve(refused(nft));
    const tables = keys.map((key) => {
      const [family, name] = key.split(' ') as [NftablesTable['family'], string];
      return { family, name };
    });
    return Promise.resolve(succeed(tables));
  };
  const listChains = (table: NftablesTable) => {
    const chains = typeof nft === 'string' ? nft : (nft[`${table.family} ${table.name}`] ?? []);
    if (typeof chains === 'string') return Promise.resolve(refused(chains));
    return Promise.resolve(succeed(chains.map((name, handle) => ({ table, name, handle }))));
  };
  const readText = (file: string) => {
    asked.push(file);
    const content = legacy[file] ?? 'ENOENT';
    if (typeof content !== 'string') return Promise.resolve(content.map((line) => `${line}\n`).join(''));
    return Promise.reject(Object.assign(new Error(content), { code: content }));
  };
  return { client: { listTables, listChains }, readText, asked };
}

function ask(reads: RuleReads, { family = 'IPv4', kept = null }: Asked = {}): Promise<boolean> {
  return mayHaveRules({ family, own: OWN, kept }, reads);
}

interface Asked {
  readonly family?: Family;
  readonly kept?: KeptRules | null;
}

const IPV4_NAMES = '/proc/net/ip_tables_names';
const IPV6_NAMES = '/proc/net/ip6_tables_names';

describe('there are no rules', () => {
  it.each<[string, Node]>([
    ['on a node without tables', { legacy: { [IPV4_NAMES]: [] } }],
    ['without nf_tables and without legacy tables in the kernel', { nft: 'unsupported' }],
    [
      'where only other programs have chains in these tables',
      { nft: { 'ip nat': ['POSTROUTING', 'DOCKER'], 'ip mangle': ['KUBE-KUBELET-CANARY'] } },
    ],
    ['where such chains are in another table', { nft: { 'ip kube-proxy': ['KUBE-SERVICES'] } }],
    ['where such chains are of the other family', { nft: { 'ip6 nat': ['KUBE-SERVICES'], 'ip nat': [] } }],
    ['where only other legacy tables are in use', { legacy: { [IPV4_NAMES]: ['raw'] } }],
    ['where legacy tables of the other family are in use', { legacy: { [IPV6_NAMES]: ['nat'] } }],
  ])('%s', async (_, content) => {
    expect(await ask(node(content))).toBe(false);
  });

  it('besides those that are kept, whose variant is not asked if all of it is', async () => {
    const legacy = { [IPV4_NAMES]: ['nat', 'filter'] };
    const reads = node({ nft: { 'ip nat': [] }, legacy });
    expect(await ask(reads, { kept: { variant: 'legacy', rules: 'all' } })).toBe(false);
    expect(reads.asked).toEqual(['tables']);
    const used = node({ nft: { 'ip nat': ['KUBE-SERVICES'] } });
    const rules = {
      isOwnChain: (_: string, name: string) => name === 'KUBE-SERVICES',
      isOwnJump: () => true,
    };
    expect(await ask(used, { kept: { variant: 'nft', rules } })).toBe(false);
    expect(await ask(used, { kept: { variant: 'nft', rules: 'all' } })).toBe(false);
    expect(await ask(used, { kept: { variant: 'legacy', rules } })).toBe(true);
  });
});

describe('there may be rules', () => {
  it.each<[string, Node, Family?]>([
    ['where a chain in filter is owned', { nft: { 'ip filter': ['INPUT', 'KUBE-SERVICES'] } }],
    ['where a chain in mangle is owned', { nft: { 'ip nat': [], 'ip mangle': ['KUBE-SERVICES'] } }],
    ['where a chain of IPv6 is owned', { nft: { 'ip6 nat': ['KUBE-SVC-A'] } }, 'IPv6'],
    ['where a legacy table is in use', { legacy: { [IPV4_NAMES]: ['raw', 'nat'] } }],
    ['where a legacy table of IPv6 is in use', { legacy: { [IPV6_NAMES]: ['filter'] } }, 'IPv6'],
    ['in a kernel without nf_tables', { nft: 'unsupported', legacy: { [IPV4_NAMES]: ['filter'] } }],
    ['where the tables may not be listed', { nft: 'not-permitted' }],
    ['where the tables change all the time', { nft: 'busy' }],
    ['where the chains cannot be listed', { nft: { 'ip nat': 'busy' } }],
    ['where the list of legacy tables cannot be read', { legacy: { [IPV4_NAMES]: 'EACCES' } }],
  ])('%s', async (_, content, family = 'IPv4') => {
    expect(await ask(node(content), { family })).toBe(true);
  });

  it('besides those that are kept', async () => {
    const rules = {
      isOwnChain: (_: string, name: string) => name === 'KUBE-SERVICES',
      isOwnJump: () => true,
    };
    const more = node({ nft: { 'ip nat': ['KUBE-SERVICES', 'KUBE-SVC-A'] } });
    expect(await ask(more, { kept: { variant: 'nft', rules } })).toBe(true);
    const other = node({ legacy: { [IPV4_NAMES]: ['nat'] } });
    expect(await ask(other, { kept: { variant: 'nft', rules: 'all' } })).toBe(true);
  });
});
