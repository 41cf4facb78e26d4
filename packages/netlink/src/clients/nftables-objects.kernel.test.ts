import { execFileSync } from 'node:child_process';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeAddElements,
  encodeAppendRule,
  encodeDeleteChain,
  encodeDeleteElements,
  encodeDeleteSet,
  encodeFlushChain,
  encodeFlushSet,
  encodeNewChain,
  encodeNewSet,
  encodeNewTable,
  expectedState,
  type Expression,
  type NftablesChain,
  type NftablesElement,
  type NftablesSet,
  type NftablesTable,
} from '../families/nftables/index.ts';
import type { NetlinkRequest } from '../codec/message.ts';
import { createNftablesClient } from './nftables-client.ts';

const client = createNftablesClient();
const TABLE: NftablesTable = { family: 'ip', name: 'kube-proxy' };
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const nft = (...args: readonly string[]): string => execFileSync('nft', args, { encoding: 'utf8' });
const load = (ruleset: string): string =>
  execFileSync('nft', ['-f', '-'], { input: ruleset, encoding: 'utf8' });

async function commit(...requests: readonly (NetlinkRequest | readonly NetlinkRequest[])[]): Promise<void> {
  expect(await client.commit(requests.flat())).toEqual({ ok: true, value: null });
}

async function listed<T>(result: Promise<{ readonly ok: boolean; readonly value?: readonly T[] }>) {
  const { ok, value } = await result;
  expect(ok).toBe(true);
  return value ?? [];
}

const CHAINS: readonly NftablesChain[] = [
  { name: 'nat-prerouting', base: { type: 'nat', hook: 'prerouting', priority: -100 } },
  { name: 'nat-postrouting', base: { type: 'nat', hook: 'postrouting', priority: 100 } },
  { name: 'filter-output', base: { type: 'filter', hook: 'output', priority: 0 } },
  { name: 'filter-pre', base: { type: 'filter', hook: 'prerouting', priority: -110 } },
  { name: 'pick/4' },
];

const SETS: readonly NftablesSet[] = [
  { name: 'cluster-ips', key: ['ipv4_addr'], comment: 'Active ClusterIPs' },
  { name: 'service-ips', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: 'verdict' },
  {
    name: 'cluster-endpoints',
    key: ['ipv4_addr', 'inet_proto', 'inet_service', 'integer'],
    data: ['ipv4_addr', 'inet_service'],
    counter: true,
    typeof: {
      key: ['ip daddr', 'meta l4proto', 'th dport', { numgen: 65_536 }],
      data: ['ip daddr', 'th dport'],
    },
  },
  {
    name: 'source-ranges',
    key: ['ipv4_addr', 'inet_proto', 'inet_service', 'ipv4_addr'],
    flags: ['interval'],
    typeof: { key: ['ip daddr', 'meta l4proto', 'th dport', 'ip saddr'] },
  },
  { name: 'affinity', key: ['ipv4_addr'], flags: ['dynamic', 'timeout'], timeout: 10_800_000 },
];

const ELEMENTS: Readonly<Record<string, readonly NftablesElement[]>> = {
  'cluster-ips': [{ key: bytes('0a600001') }, { key: bytes('0a600002') }],
  'service-ips': [
    {
      key: bytes('0a6000010600000000500000'),
      data: { kind: 'goto', chain: 'pick/4' },
      comment: 'shop/cart:http',
    },
    { key: bytes('0a6000011100000000500000'), data: { kind: 'drop' } },
  ],
  'cluster-endpoints': [{ key: bytes('0a600001060000000050000000000000'), data: bytes('0af400051f900000') }],
  'source-ranges': [
    {
      key: bytes('0a6000010600000000500000c6336400'),
      keyEnd: bytes('0a6000010600000000500000c63364ff'),
    },
  ],
};

/** Every expression that this package writes, in rules that the kernel takes. */
const RULES: Readonly<Record<string, readonly (readonly Expression[])[]>> = {
  'nat-prerouting': [
    [
      { name: 'ct', key: 'state', dreg: 1 },
      { name: 'bitwise', sreg: 1, dreg: 1, length: 4, mask: bytes('08000000'), xor: bytes('00000000') },
      { name: 'cmp', sreg: 1, operator: 'neq', data: bytes('00000000') },
      { name: 'immediate', dreg: 0, data: { kind: 'jump', chain: 'pick/4' } },
    ],
    [
      { name: 'payload', dreg: 1, base: 'network', offset: 12, length: 2 },
      { name: 'cmp', sreg: 1, operator: 'neq', data: bytes('0af4') },
      { name: 'meta', key: 'mark', dreg: 1 },
      { name: 'bitwise', sreg: 1, dreg: 1, length: 4, mask: bytes('ffbfffff'), xor: bytes('00400000') },
      { name: 'meta', key: 'mark', sreg: 1 },
    ],
    [
      { name: 'meta', key: 'iifname', dreg: 1 },
      { name: 'cmp', sreg: 1, operator: 'eq', data: bytes('76657468') },
      { name: 'fib', dreg: 1, result: 'type', of: 'daddr' },
      { name: 'cmp', sreg: 1, operator: 'eq', data: bytes('02000000') },
      { name: 'counter', bytes: 0, packets: 0 },
    ],
    [
      { name: 'payload', dreg: 1, base: 'network', offset: 16, length: 4 },
      { name: 'meta', key: 'l4proto', dreg: 9 },
      { name: 'payload', dreg: 10, base: 'transport', offset: 2, length: 2 },
      { name: 'lookup', set: 'service-ips', sreg: 1, dreg: 0 },
    ],
  ],
  'pick/4': [
    [
      { name: 'payload', dreg: 1, base: 'network', offset: 16, length: 4 },
      { name: 'meta', key: 'l4proto', dreg: 9 },
      { name: 'payload', dreg: 10, base: 'transport', offset: 2, length: 2 },
      { name: 'numgen', dreg: 11, modulus: 4, type: 'random' },
      { name: 'lookup', set: 'cluster-endpoints', sreg: 1, dreg: 1 },
      { name: 'nat', type: 'dnat', family: 'ip', address: 1, port: 9 },
    ],
    [
      { name: 'payload', dreg: 1, base: 'network', offset: 12, length: 4 },
      { name: 'dynset', set: 'affinity', operation: 'update', key: 1 },
    ],
    [
      { name: 'payload', dreg: 9, base: 'network', offset: 12, length: 4 },
      { name: 'hash', sreg: 9, dreg: 1, length: 4, modulus: 251, seed: 0x1234 },
      { name: 'cmp', sreg: 1, operator: 'eq', data: bytes('00000000') },
    ],
    [
      { name: 'meta', key: 'l4proto', dreg: 1 },
      { name: 'cmp', sreg: 1, operator: 'eq', data: bytes('06') },
      { name: 'immediate', dreg: 1, data: bytes('0af40005') },
      { name: 'immediate', dreg: 2, data: bytes('1f90') },
      { name: 'nat', type: 'dnat', family: 'ip', address: 1, port: 2 },
    ],
    [{ name: 'immediate', dreg: 0, data: { kind: 'drop' } }],
  ],
  'nat-postrouting': [[{ name: 'masq', fullyRandom: true }]],
  'filter-pre': [
    [
      { name: 'payload', dreg: 1, base: 'network', offset: 16, length: 4 },
      { name: 'meta', key: 'l4proto', dreg: 9 },
      { name: 'payload', dreg: 10, base: 'transport', offset: 2, length: 2 },
      { name: 'payload', dreg: 11, base: 'network', offset: 12, length: 4 },
      { name: 'lookup', set: 'source-ranges', sreg: 1, inverted: true },
      { name: 'immediate', dreg: 0, data: { kind: 'drop' } },
    ],
  ],
  'filter-output': [
    [
      { name: 'payload', dreg: 1, base: 'network', offset: 16, length: 4 },
      { name: 'lookup', set: 'cluster-ips', sreg: 1 },
      { name: 'meta', key: 'l4proto', dreg: 1 },
      { name: 'cmp', sreg: 1, operator: 'eq', data: bytes('06') },
      { name: 'reject', type: 'tcp-reset' },
    ],
    [{ name: 'reject', type: 'icmp', code: 3 }],
  ],
};

async function writeAll(): Promise<void> {
  await commit(
    encodeNewTable(TABLE, 'Signalbox'),
    SETS.map((set, index) => encodeNewSet(TABLE, set, index + 1)),
    CHAINS.map((chain) => encodeNewChain(TABLE, chain)),
    Object.entries(ELEMENTS).flatMap(([set, elements]) => encodeAddElements(TABLE, set, elements)),
    Object.entries(RULES).flatMap(([chain, rules]) =>
      rules.map((expressions, index) =>
        encodeAppendRule(TABLE, chain, { expressions, ...(index === 1 ? { comment: 'a comment' } : {}) }),
      ),
    ),
  );
}

beforeEach(() => void nft('flush', 'ruleset'));

afterAll(() => {
  nft('flush', 'ruleset');
  client.close();
});

describe('what is written', () => {
  it('is listed by the kernel as it was written', async () => {
    await writeAll();
    const chains = await listed(client.listChains(TABLE));
    expect(chains.map(({ name, base }) => (base === undefined ? { name } : { name, base }))).toEqual(CHAINS);
    const sets = await listed(client.listSets(TABLE));
    for (const set of SETS) {
      expect(sets.find(({ name }) => name === set.name)).toMatchObject(expectedState(set));
    }
    const rules = await listed(client.listRules(TABLE));
    for (const [chain, written] of Object.entries(RULES)) {
      const own = rules.filter((rule) => rule.chain === chain);
      expect(own.map(({ expressions }) => expressions)).toEqual(written);
      expect(own.map(({ comment }) => comment)[1]).toBe(written.length > 1 ? 'a comment' : undefined);
    }
    for (const [set, written] of Object.entries(ELEMENTS)) {
      const elements = await listed(client.listElements(TABLE, set));
      const keys = elements
        .map(({ counter, ...element }) => ({ element, counter }))
        .map(({ element }) => element);
      expect(keys).toHaveLength(written.length);
      expect(keys).toEqual(expect.arrayContaining([...written]));
    }
  });

  it('is listed by nft, which loads its listing again', async () => {
    await writeAll();
    const before = nft('list', 'ruleset');
    expect(before).toContain('numgen random mod 4 map @cluster-endpoints');
    expect(before).toContain('comment "Active ClusterIPs"');
    expect(before).toContain('10.96.0.1 . tcp . 80 . 198.51.100.0/24');
    nft('flush', 'ruleset');
    load(before);
    expect(nft('list', 'ruleset')).toBe(before);
  });

  it('leaves sets in the form that nft gives them, so that either can declare them again', async () => {
    load(`table ip kube-proxy {
      set cluster-ips { type ipv4_addr; comment "Active ClusterIPs"; }
      map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
    }`);
    await commit(SETS.slice(0, 2).map((set, index) => encodeNewSet(TABLE, set, index + 1)));
    const declared = nft('list', 'table', 'ip', 'kube-proxy');
    nft('flush', 'ruleset');
    await commit(
      encodeNewTable(TABLE),
      SETS.slice(0, 2).map((set, index) => encodeNewSet(TABLE, set, index + 1)),
    );
    expect(nft('list', 'table', 'ip', 'kube-proxy')).toBe(declared);
  });

  it('is deleted piece by piece', async () => {
    await writeAll();
    await commit(
      encodeFlushChain(TABLE, 'filter-output'),
      encodeDeleteElements(TABLE, 'cluster-ips', [{ key: bytes('0a600001') }]),
      encodeFlushSet(TABLE, 'service-ips'),
      encodeFlushChain(TABLE, 'filter-pre'),
      encodeDeleteSet(TABLE, 'source-ranges'),
      encodeDeleteChain(TABLE, 'filter-pre'),
    );
    expect(await listed(client.listElements(TABLE, 'service-ips'))).toEqual([]);
    expect((await listed(client.listElements(TABLE, 'cluster-ips'))).map(({ key }) => key)).toEqual([
      bytes('0a600002'),
    ]);
    expect((await listed(client.listChains(TABLE))).map(({ name }) => name)).not.toContain('filter-pre');
    expect((await listed(client.listSets(TABLE))).map(({ name }) => name)).not.toContain('source-ranges');
  });
});

describe('a batch', () => {
  it('with the present generation is taken, with another refused as a whole', async () => {
    await writeAll();
    const generation = await client.generation();
    expect(generation.ok).toBe(true);
    const now = generation.ok ? generation.value : 0;
    expect(await client.commit([encodeFlushSet(TABLE, 'cluster-ips')], now)).toEqual({
      ok: true,
      value: null,
    });
    expect(await client.generation()).toEqual({ ok: true, value: now + 1 });
    expect(await client.commit([encodeFlushSet(TABLE, 'service-ips')], now)).toMatchObject({
      ok: false,
      error: { errnoName: 'ERESTART' },
    });
    expect(await listed(client.listElements(TABLE, 'service-ips'))).toHaveLength(2);
  });

  it('names the request that was refused, and leaves nothing of the others', async () => {
    await writeAll();
    const missing = encodeDeleteElements(TABLE, 'cluster-ips', [{ key: bytes('0a6000ff') }]);
    const result = await client.commit([encodeFlushSet(TABLE, 'service-ips'), ...missing]);
    expect(result).toMatchObject({ ok: false, error: { code: 'not-found', index: 1 } });
    expect(await listed(client.listElements(TABLE, 'service-ips'))).toHaveLength(2);
  });

  it('of which every message is refused does not overrun the receive buffer', async () => {
    const missing = { family: 'ip', name: 'missing' } as const;
    const elements = Array.from({ length: 4_000 }, (_, index) => ({ key: Buffer.alloc(16, index) }));
    const result = await client.commit(encodeAddElements(missing, 'cluster-endpoints', elements));
    expect(result).toMatchObject({ ok: false, error: { code: 'not-found' } });
    expect((await client.listTables()).ok).toBe(true);
  });
});

describe('a listing', () => {
  it('of what does not exist is empty, or not found', async () => {
    expect(await client.listChains(TABLE)).toEqual({ ok: true, value: [] });
    expect(await client.listElements(TABLE, 'cluster-ips')).toMatchObject({
      ok: false,
      error: { code: 'not-found' },
    });
  });
});
