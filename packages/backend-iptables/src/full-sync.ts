/** Comparison of everything wanted with everything held. Pure but for the ledger that it fills. */
import type { BackendError, Drift, Family } from '@signalbox/core';
import {
  BUILTIN_CHAINS,
  digestOf,
  encodeChain,
  type EncodedChain,
  encodeRule,
  type SharedRule,
  type TableName,
} from '@signalbox/iptables';
import { RANK, type RankedChain } from './compile/rule-compiler.ts';
import { includesRule, isSame, withoutTolerated } from './diff/observed.ts';
import type { PendingInsert } from './diff/plan.ts';
import type { HeldChain, RuleLedger } from './diff/rule-ledger.ts';
import type { ObservedTables } from './observe.ts';
import { formatJump, isAlteredByOthers, type KnownRules, type ListedChain } from './repairs.ts';

export interface Wanted {
  readonly family: Family;
  readonly chains: Iterable<RankedChain>;
  readonly shared: readonly SharedRule[];
  /** What the kernel held after our last write; absent where that is not known. */
  readonly known?: KnownRules | null;
}

/** What of the wanted is not there. Records in the ledger what is, and what is to be done. */
export interface Comparison {
  readonly inserts: readonly PendingInsert[];
  readonly drift: readonly Drift[];
  /** The part of it that another process has caused since our last write. */
  readonly byOthers: readonly Drift[];
  /** Why writing ahead failed; then the comparison is not complete. */
  readonly error: BackendError | null;
}

/** Where a comparison writes down what it finds. */
export type Notes = Pick<RuleLedger, 'hold' | 'want' | 'unwant'>;

/**
 * New chains that no packet can meet yet may be written while others are still being compiled, so that the text
 * of a whole first sync is never held at once.
 */
export interface WriteAhead {
  /** Writes once so many are pending. */
  readonly chains: number;
  write(): Promise<BackendError | null>;
}

const NEVER_AHEAD: WriteAhead = { chains: Infinity, write: () => Promise.resolve(null) };

/** Takes what it has compared out of `observed`. */
export async function compare(
  wanted: Wanted,
  observed: ObservedTables,
  ledger: Notes,
  ahead: WriteAhead = NEVER_AHEAD,
): Promise<Comparison> {
  const found = createFindings(wanted);
  let pending = 0;
  for (const { chain, rank } of wanted.chains) {
    const encoded = encodeChain(chain, wanted.family);
    const { table, name } = chain;
    const own = observed.get(table)?.own;
    const listed = own?.get(name);
    if (listed !== undefined) {
      own?.delete(name);
      const held = heldChain(encoded, listed, withoutTolerated(chain, listed, wanted.family), wanted.family);
      ledger.hold(table, name, held);
      if (held.digest !== encoded.digest) found.add('altered', { table, name, listed });
    } else found.add('missing', { table, name, listed });
    ledger.want(encoded, rank, table === 'filter' ? listed : undefined);
    // Chains of the trees are not all compiled before the first of them.
    if (listed !== undefined || rank > RANK.service || ++pending < ahead.chains) continue;
    pending = 0;
    const error = await ahead.write();
    if (error !== null) return { inserts: [], drift: found.drift, byOthers: found.byOthers, error };
  }
  noteStale(observed, ledger, found);
  const inserts = missingShared(wanted, (table, chain) => observed.get(table)?.foreign.get(chain));
  for (const insert of inserts) found.addJump(insert);
  return { inserts, drift: found.drift, byOthers: found.byOthers, error: null };
}

/** What the kernel holds, by the digest of what is wanted where it means the same. */
function heldChain(
  wanted: EncodedChain,
  listed: readonly string[],
  compared: readonly string[],
  family: Family,
): HeldChain {
  if (!isSame(wanted, compared, family)) return { digest: digestOf(listed), rules: listed.length };
  const held = { digest: wanted.digest, rules: listed.length };
  return compared.length === listed.length ? held : { ...held, listed: digestOf(listed) };
}

function createFindings({ known = null, family }: Pick<Wanted, 'known' | 'family'>) {
  const drift: Drift[] = [];
  const byOthers: Drift[] = [];
  return {
    drift,
    byOthers,
    add(kind: Drift['kind'], chain: ListedChain): void {
      const each = { kind, type: 'chain', name: chain.name, within: chain.table };
      drift.push(each);
      if (known !== null && isAlteredByOthers(known, chain, family)) byOthers.push(each);
    },
    addJump(insert: PendingInsert): void {
      const { table, chain, rule } = insert;
      const each = { kind: 'missing', type: 'rule', name: rule, within: `${table} ${chain}` } as const;
      drift.push(each);
      if (known?.jumps.has(formatJump(insert)) === true) byOthers.push(each);
    },
  };
}

type Findings = ReturnType<typeof createFindings>;

/** Own chains that are not wanted. Where rules of others jump to one it is emptied only. */
function noteStale(observed: ObservedTables, ledger: Notes, found: Findings): void {
  for (const [table, { own, referenced }] of observed) {
    for (const [name, rules] of own) {
      ledger.hold(table, name, { digest: digestOf(rules), rules: rules.length });
      if (referenced.has(name) && rules.length === 0) continue;
      ledger.unwant(table, name, referenced.has(name) ? 'empty' : 'remove');
      found.add('stale', { table, name, listed: rules });
    }
  }
}

/** `rulesOf`: what is listed in a chain of others; `undefined`: there is no such chain. */
export function missingShared(
  { shared, family }: Pick<Wanted, 'shared' | 'family'>,
  rulesOf: (table: TableName, chain: string) => readonly string[] | undefined,
): readonly PendingInsert[] {
  const inserts: PendingInsert[] = [];
  for (const { table, chain, rule } of shared) {
    const listed = rulesOf(table, chain);
    const text = encodeRule(rule, family);
    if (listed !== undefined && includesRule(listed, text, family)) continue;
    const create = listed === undefined && !BUILTIN_CHAINS[table].includes(chain);
    inserts.push({ table, chain, rule: text, create });
  }
  return inserts;
}
