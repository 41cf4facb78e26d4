/** Comparison of everything wanted with everything held. Pure but for the ledger that it fills. */
import type { BackendError, Drift, Family } from '@signalbox/core';
import { RANK, type RankedChain } from './compile/rule-compiler.ts';
import { includesRule, isSame, withoutTolerated } from './diff/observed.ts';
import type { PendingInsert } from './diff/plan.ts';
import type { RuleLedger } from './diff/rule-ledger.ts';
import { encodeChain } from './encode/encoded-chain.ts';
import { encodeRule } from './encode/rule-text.ts';
import { BUILTIN_CHAINS, type SharedRule, type TableName } from './objects/rule.ts';
import type { ObservedTables } from './observe.ts';

export interface Wanted {
  readonly family: Family;
  readonly chains: Iterable<RankedChain>;
  readonly shared: readonly SharedRule[];
}

/** What of the wanted is not there. Records in the ledger what is, and what is to be done. */
export interface Comparison {
  readonly inserts: readonly PendingInsert[];
  readonly drift: readonly Drift[];
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
  const drift: Drift[] = [];
  let pending = 0;
  for (const { chain, rank } of wanted.chains) {
    const encoded = encodeChain(chain, wanted.family);
    const own = observed.get(chain.table)?.own;
    const listed = own?.get(chain.name);
    const object = { type: 'chain', name: chain.name, within: chain.table };
    if (listed !== undefined) {
      own?.delete(chain.name);
      const same = isSame(encoded, withoutTolerated(chain, listed, wanted.family), wanted.family);
      ledger.hold(chain.table, chain.name, {
        digest: same ? encoded.digest : 'different',
        rules: listed.length,
      });
      if (!same) drift.push({ kind: 'altered', ...object });
    } else drift.push({ kind: 'missing', ...object });
    ledger.want(encoded, rank, chain.table === 'filter' ? listed : undefined);
    // Chains of the trees are not all compiled before the first of them.
    if (listed !== undefined || rank > RANK.service || ++pending < ahead.chains) continue;
    pending = 0;
    const error = await ahead.write();
    if (error !== null) return { inserts: [], drift, error };
  }
  drift.push(...findStale(observed, ledger));
  const inserts = missingShared(wanted, (table, chain) => observed.get(table)?.foreign.get(chain));
  drift.push(...inserts.map(({ table, chain, rule }) => missingRule(table, chain, rule)));
  return { inserts, drift, error: null };
}

function missingRule(table: string, chain: string, rule: string): Drift {
  return { kind: 'missing', type: 'rule', name: rule, within: `${table} ${chain}` };
}

/** Chains of ours that nobody wants. Where others jump to one it is emptied only. */
function findStale(observed: ObservedTables, ledger: Notes): readonly Drift[] {
  const drift: Drift[] = [];
  for (const [table, { own, referenced }] of observed) {
    for (const [name, rules] of own) {
      if (referenced.has(name) && rules.length === 0) continue;
      ledger.hold(table, name, { digest: 'stale', rules: rules.length });
      ledger.unwant(table, name, referenced.has(name) ? 'empty' : 'remove');
      drift.push({ kind: 'stale', type: 'chain', name, within: table });
    }
  }
  return drift;
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
