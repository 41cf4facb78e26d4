/** Comparison of everything wanted with everything held. Pure but for the ledger that it fills. */
import type { BackendError, Drift, Family } from '@signalbox/core';
import {
  compareChain,
  heldChain,
  missingJumps,
  obsoleteChains,
  TABLES,
  type MissingJump,
  type OwnedTables,
  type SharedRule,
} from '@signalbox/iptables';
import { RANK, type RankedChain } from '../compile/rule-compiler.ts';
import type { RuleLedger } from '../diff/rule-ledger.ts';
import { formatJump, isAlteredByOthers, type KnownRules, type ListedChain } from './known-rules.ts';

export interface Wanted {
  readonly family: Family;
  readonly chains: Iterable<RankedChain>;
  readonly shared: readonly SharedRule[];
  /** What the kernel held after our last write; absent where that is not known. */
  readonly known?: KnownRules | null;
}

/** What of the wanted is not there. Records in the ledger what is, and what is to be done. */
export interface Comparison {
  readonly inserts: readonly MissingJump[];
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
  observed: OwnedTables,
  ledger: Notes,
  ahead: WriteAhead = NEVER_AHEAD,
): Promise<Comparison> {
  const found = createFindings(wanted);
  let pending = 0;
  for (const { chain, rank } of wanted.chains) {
    const { table, name } = chain;
    const { own } = observed[table];
    const listed = own.get(name);
    own.delete(name);
    const compared = compareChain(chain, listed, wanted.family);
    if (compared.held !== null) ledger.hold(table, name, compared.held);
    if (!compared.isSame) found.add(compared.held === null ? 'missing' : 'altered', { table, name, listed });
    ledger.want(compared.wanted, rank, table === 'filter' ? listed : undefined);
    // Chains of the trees are not all compiled before the first of them.
    if (listed !== undefined || rank > RANK.service || ++pending < ahead.chains) continue;
    pending = 0;
    const error = await ahead.write();
    if (error !== null) return { inserts: [], drift: found.drift, byOthers: found.byOthers, error };
  }
  noteStale(observed, ledger, found);
  const jumps = { jumps: wanted.shared, family: wanted.family };
  const inserts = missingJumps(jumps, (table, chain) => observed[table].others.get(chain));
  for (const insert of inserts) found.addJump(insert);
  return { inserts, drift: found.drift, byOthers: found.byOthers, error: null };
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
    addJump(insert: MissingJump): void {
      const { table, chain, rule } = insert;
      const each = { kind: 'missing', type: 'rule', name: rule, within: `${table} ${chain}` } as const;
      drift.push(each);
      if (known?.jumps.has(formatJump(insert)) === true) byOthers.push(each);
    },
  };
}

type Findings = ReturnType<typeof createFindings>;

/** Own chains that are not wanted. Where rules that are not owned jump to one it is emptied only. */
function noteStale(observed: OwnedTables, ledger: Notes, found: Findings): void {
  for (const table of TABLES) {
    for (const [name, rules] of observed[table].own) ledger.hold(table, name, heldChain(rules));
    for (const { name, rules, isReferenced } of obsoleteChains(observed[table])) {
      ledger.unwant(table, name, isReferenced ? 'empty' : 'remove');
      found.add('stale', { table, name, listed: rules });
    }
  }
}
