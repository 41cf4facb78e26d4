/** Compares all desired rules with all listed rules. Reads and writes only its arguments. */
import type { Drift, Family } from '@signalbox/core';
import {
  chainDrift,
  compareChain,
  heldChain,
  jumpDrift,
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

export interface Desired {
  readonly family: Family;
  /** Rules in chains that are not owned. */
  readonly shared: readonly SharedRule[];
  /** What the kernel held after the last write; absent where that is not known. */
  readonly known?: KnownRules | null;
}

export interface Comparison {
  /**
   * Compares one desired chain, and removes it from the listing. `unreachable`: the chain does not exist yet, and no packet
   * could reach it if it did.
   */
  add(desired: RankedChain): 'compared' | 'unreachable';
  /** After the last desired chain: compares the rest. Returns jumps that are missing. */
  end(): readonly MissingJump[];
  /** The differences found so far. */
  readonly drift: readonly Drift[];
  /** The part of them that another process has caused since the last write. */
  readonly byOthers: readonly Drift[];
}

export function createComparison(desired: Desired, listing: OwnedTables, ledger: RuleLedger): Comparison {
  const found = createFindings(desired);
  return {
    drift: found.drift,
    byOthers: found.byOthers,
    add({ chain, rank }) {
      const { table, name } = chain;
      const { own } = listing[table];
      const listed = own.get(name);
      own.delete(name);
      const compared = compareChain(chain, listed, desired.family);
      if (compared.held !== null) ledger[table].hold(name, compared.held);
      if (!compared.isSame) {
        found.add(compared.held === null ? 'missing' : 'altered', { table, name, listed });
      }
      ledger[table].want(name, {
        ...compared.desired,
        rank,
        ...(table === 'filter' && listed !== undefined ? { former: listed } : {}),
      });
      // Chains of the trees are not all compiled when the first of them is compared.
      return listed === undefined && rank <= RANK.service ? 'unreachable' : 'compared';
    },
    end() {
      noteStale(listing, ledger, found);
      const jumps = { jumps: desired.shared, family: desired.family };
      const missing = missingJumps(jumps, (table, chain) => listing[table].others.get(chain));
      for (const jump of missing) found.addJump(jump);
      return missing;
    },
  };
}

function createFindings({ known = null, family }: Pick<Desired, 'known' | 'family'>) {
  const drift: Drift[] = [];
  const byOthers: Drift[] = [];
  return {
    drift,
    byOthers,
    add(kind: Drift['kind'], chain: ListedChain): void {
      const each = chainDrift(kind, chain.table, chain.name);
      drift.push(each);
      if (known !== null && isAlteredByOthers(known, chain, family)) byOthers.push(each);
    },
    addJump(insert: MissingJump): void {
      const each = jumpDrift('missing', insert);
      drift.push(each);
      if (known?.jumps.has(formatJump(insert)) === true) byOthers.push(each);
    },
  };
}

type Findings = ReturnType<typeof createFindings>;

/** Own chains that are not desired. A chain to which rules that are not owned jump is only emptied. */
function noteStale(listing: OwnedTables, ledger: RuleLedger, found: Findings): void {
  for (const table of TABLES) {
    for (const [name, rules] of listing[table].own) ledger[table].hold(name, heldChain(rules));
    for (const { name, rules, isReferenced } of obsoleteChains(listing[table])) {
      ledger[table].unwant(name, isReferenced ? 'empty' : 'remove');
      found.add('stale', { table, name, listed: rules });
    }
  }
}
