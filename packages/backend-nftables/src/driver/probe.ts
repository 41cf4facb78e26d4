/** What this kernel can do, found out by batches that make a table, use the feature in it, and delete the table. */
import { backendError, fail, type Family, type Result, succeed } from '@signalbox/core';
import {
  encodeAppendRule,
  encodeDeleteTable,
  encodeNewChain,
  encodeNewSet,
  encodeNewTable,
  type NetlinkRequest,
  type NftablesTable,
  toBackendError,
} from '@signalbox/netlink';
import type { Capabilities } from '../compile/context.ts';
import { setDeclarations } from '../compile/sets.ts';
import { toNetlinkRule } from '../encode/chain-rules.ts';
import { tableOf } from '../encode/operation-requests.ts';
import { type EndpointMap, SET, type SetDeclaration } from '../objects/ruleset.ts';
import { type Match, rule, type Statement } from '../objects/rule.ts';
import { type Kernel, TRIAL_TABLE } from './kernel.ts';

export async function probeKernel(kernel: Kernel): Promise<Result<Capabilities>> {
  for (const feature of REQUIRED) {
    const missing = await attempt(kernel, feature);
    if (missing !== null) return fail(missing);
  }
  const concatenatedIntervals = (await attempt(kernel, INTERVALS)) === null;
  const elementCounters = (await attempt(kernel, COUNTERS)) === null;
  const clientHash = (await attempt(kernel, CLIENT_HASH)) === null;
  return succeed({ concatenatedIntervals, elementCounters, clientHash });
}

interface Feature {
  /** What an error names: modules of the kernel, in words that a search finds. */
  readonly name: string;
  readonly requests: (table: NftablesTable, family: Family) => readonly NetlinkRequest[];
}

const MAP: EndpointMap = 'cluster-endpoints';

function declared(family: Family, name: string, elementCounters: boolean): SetDeclaration {
  const capabilities = { concatenatedIntervals: true, elementCounters, clientHash: false };
  const sets = setDeclarations({ family, nodePorts: 'ranges', capabilities });
  const set = sets.find((each) => each.name === name);
  if (set === undefined) throw new RangeError(`no such set: ${name}`);
  return set;
}

/** A chain at this hook with one rule. */
function chainWith(
  base: { readonly type: 'nat' | 'filter'; readonly hook: 'prerouting' | 'postrouting' | 'forward' },
  matches: readonly Match[],
  ...statements: readonly Statement[]
): Feature['requests'] {
  return (table, family) => [
    encodeNewChain(table, { name: 'probe', base: { ...base, priority: 0 } }),
    encodeAppendRule(table, 'probe', toNetlinkRule(rule(matches, ...statements), family)),
  ];
}

function translatesBy(slot: { readonly slots: number; readonly seed?: number }): Feature['requests'] {
  const key = ['daddr', 'l4proto', 'dport'] as const;
  return (table, family) => [
    encodeNewSet(table, declared(family, MAP, false), 1),
    ...chainWith(NAT, [], { kind: 'dnat-map', key, map: MAP, ...slot })(table, family),
  ];
}

const NAT = { type: 'nat', hook: 'prerouting' } as const;

const REQUIRED: readonly Feature[] = [
  { name: 'nf_tables', requests: () => [] },
  {
    name: 'nft_nat, nft_numgen or maps of concatenated keys',
    requests: translatesBy({ slots: 2 }),
  },
  {
    name: 'nft_masq',
    requests: chainWith({ type: 'nat', hook: 'postrouting' }, [], { kind: 'masquerade' }),
  },
  {
    name: 'nft_reject',
    requests: chainWith({ type: 'filter', hook: 'forward' }, [{ kind: 'ct-new' }], { kind: 'reject' }),
  },
  {
    name: 'nft_fib',
    requests: chainWith(NAT, [{ kind: 'local-address', field: 'daddr' }], {
      kind: 'verdict',
      verdict: { kind: 'accept' },
    }),
  },
];

const INTERVALS: Feature = {
  name: 'sets with intervals in concatenated keys',
  requests: (table, family) => [encodeNewSet(table, declared(family, SET.sourceRanges, false), 1)],
};

const COUNTERS: Feature = {
  name: 'counters in elements',
  requests: (table, family) => [encodeNewSet(table, declared(family, MAP, true), 1)],
};

const CLIENT_HASH: Feature = { name: 'nft_hash', requests: translatesBy({ slots: 2, seed: 1 }) };

/** `null`: the kernel took it. */
async function attempt({ client, family }: Kernel, { name, requests }: Feature) {
  const table = tableOf(family, TRIAL_TABLE);
  const batch = [encodeNewTable(table), ...requests(table, family), encodeDeleteTable(table)];
  const { ok, error } = { error: null, ...(await client.commit(batch)) };
  if (ok || error === null) return null;
  const { code, operation } = error;
  if (code === 'not-permitted' || code === 'unavailable' || code === 'timeout') return toBackendError(error);
  const message = `nftables mode needs ${name}, which this kernel lacks: ${error.message}`;
  return backendError('unsupported', operation, message, { kernel: 'unchanged' });
}
