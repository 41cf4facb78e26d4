/**
 * Whether the kernel holds what the ledger records, from the lines of `iptables-save`. Chains that are as recorded are not
 * kept: a whole listing in memory takes as much as everything else.
 */
import type { Family } from '@signalbox/core';
import {
  createListing,
  hasRules,
  type HeldChain,
  type ListedTables,
  type Ownership,
  readSaveLines,
  type TableName,
  TABLES,
} from '@signalbox/iptables';
import type { TableLedger } from './rule-ledger.ts';

export interface QuickCheck {
  readonly take: (line: string) => void;
  /**
   * Chains that are not as recorded, after the last line. Chains that were written during the listing (`isRewritten`) are not
   * compared: the listing has them as before or as after the write. Chains that are not owned are not compared either: see
   * `unowned`.
   */
  differences(isRewritten?: (chain: FoundChain) => boolean): readonly FoundChain[];
  /** Chains that are not owned. */
  readonly unowned: ListedTables;
}

export interface FoundChain {
  readonly table: TableName;
  readonly name: string;
}

export type HeldRules = Readonly<Record<TableName, Pick<TableLedger, 'held'>>>;

export function createQuickCheck(
  ledger: HeldRules,
  family: Family,
  isOwn: Ownership['isOwnChain'],
): QuickCheck {
  const others = createListing();
  const right = new Set<HeldChain>();
  const wrong: FoundChain[] = [];
  // The text is a slice that would keep a whole piece of output in memory.
  const isWrong = (table: TableName, name: string): unknown => wrong.push({ table, name: copyOf(name) });
  const groups = groupRules((table, chain, rules) => {
    const desired = ledger[table].held.get(chain);
    if (desired !== undefined && desired.rules > 0 && hasRules(desired, rules, family)) right.add(desired);
    else isWrong(table, chain);
  });
  const take = readSaveLines({
    chain(table, name) {
      if (!isOwn(table, name)) return others.visitor.chain(table, name);
      const desired = ledger[table].held.get(name);
      if (desired === undefined) isWrong(table, name);
      else if (desired.rules === 0) right.add(desired);
    },
    rule: (table, chain, text) =>
      isOwn(table, chain) ? groups.add(table, chain, text) : others.visitor.rule(table, chain, text),
  });
  return {
    take,
    unowned: others.tables,
    differences(isRewritten = () => false) {
      groups.end();
      const missing: FoundChain[] = [];
      for (const table of TABLES) {
        for (const [name, chain] of ledger[table].held) if (!right.has(chain)) missing.push({ table, name });
      }
      return [...wrong, ...missing].filter((chain) => !isRewritten(chain));
    },
  };
}

function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

/** The rules of one chain are listed one after the other. */
function groupRules(onChain: (table: TableName, chain: string, rules: readonly string[]) => void) {
  let open = { table: 'nat' as TableName, chain: '', rules: [] as string[] };
  const end = (): void => {
    if (open.rules.length > 0) onChain(open.table, open.chain, open.rules);
    open = { ...open, rules: [] };
  };
  return {
    add(table: TableName, chain: string, text: string): void {
      if (open.table !== table || open.chain !== chain) {
        end();
        open = { table, chain, rules: [] };
      }
      open.rules.push(text);
    },
    end,
  };
}
