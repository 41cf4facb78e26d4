/**
 * Whether the kernel holds what is believed, from the lines of `iptables-save`. Nothing is kept of chains that are as they
 * should be: to hold a whole listing takes as much memory as everything else.
 */
import type { Family } from '@signalbox/core';
import { canonicalText, digestOf } from '../encode/encoded-chain.ts';
import { createListing, readSaveLines, type ListedTables } from '../encode/parse-save.ts';
import type { TableName } from '../objects/rule.ts';
import type { IsOwn } from './observed.ts';
import type { RuleLedger } from './rule-ledger.ts';

export interface QuickCheck {
  readonly take: (line: string) => void;
  /**
   * `false`: a closer look is due, if only for rules that are tolerated. `true` says nothing of rules in chains of others:
   * see `foreign`.
   */
  isAsHeld(): boolean;
  /** Chains of others. */
  readonly foreign: ListedTables;
}

export function createQuickCheck(
  { held }: Pick<RuleLedger, 'held'>,
  family: Family,
  isOwn: IsOwn,
): QuickCheck {
  const others = createListing();
  const seen = { chains: 0, filled: 0, isRight: true };
  const groups = groupRules((table, chain, rules) => {
    seen.filled++;
    const wanted = held.get(table)?.get(chain)?.digest;
    seen.isRight &&= wanted === digestOf(rules) || wanted === digestOf(rules.map(canonical));
  });
  const canonical = (text: string): string => canonicalText(text, family);
  const take = readSaveLines({
    chain(table, name) {
      if (!isOwn(table, name)) return others.visitor.chain(table, name);
      seen.chains++;
      seen.isRight &&= held.get(table)?.has(name) === true;
    },
    rule: (table, chain, text) =>
      isOwn(table, chain) ? groups.add(table, chain, text) : others.visitor.rule(table, chain, text),
  });
  return {
    take,
    foreign: others.tables,
    isAsHeld() {
      groups.end();
      const all = [...held.values()].flatMap((chains) => [...chains.values()]);
      const filled = all.filter(({ rules }) => rules > 0).length;
      // A name is listed once: so many of those that are held, and so many with the rules that are held, are all of them.
      return seen.isRight && seen.chains === all.length && seen.filled === filled;
    },
  };
}

/** Rules of one chain come one behind the other. */
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
