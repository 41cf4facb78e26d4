/**
 * What we believe the kernel holds, and what is still to be done to it. Chains are compared by digest: the text
 * of a hundred thousand chains is not kept.
 */
import type { EncodedChain } from '../encode/encoded-chain.ts';
import type { TableName } from '../objects/rule.ts';

export interface HeldChain {
  readonly digest: string;
  /** Number of rules. */
  readonly rules: number;
}

export interface PendingWrite {
  readonly chain: EncodedChain;
  readonly rank: number;
}

export interface PendingRemoval {
  readonly table: TableName;
  readonly name: string;
  /** Rules of others jump there: it is emptied and stays. */
  readonly keepEmpty: boolean;
}

export interface RuleLedger {
  readonly held: ReadonlyMap<TableName, ReadonlyMap<string, HeldChain>>;
  /** The kernel is known to hold this. */
  hold(table: TableName, name: string, chain: HeldChain): void;
  /** The kernel is known not to hold this. */
  drop(table: TableName, name: string): void;
  /** Plans what makes the chain so; nothing if it is. */
  want(chain: EncodedChain, rank: number): void;
  /** Plans the removal of a chain, if it is held. */
  unwant(table: TableName, name: string, how: 'remove' | 'empty'): void;
  readonly writes: ReadonlyMap<string, PendingWrite>;
  readonly removals: ReadonlyMap<string, PendingRemoval>;
  /** Forgets what is planned. */
  forgetPlans(): void;
  /** Rules held now. */
  count(table: TableName): number;
}

export function createRuleLedger(): RuleLedger {
  const held = new Map<TableName, Map<string, HeldChain>>();
  const counts = new Map<TableName, number>();
  const writes = new Map<string, PendingWrite>();
  const removals = new Map<string, PendingRemoval>();
  const idOf = (table: TableName, name: string): string => `${table} ${name}`;
  const tableOf = (table: TableName): Map<string, HeldChain> => {
    const known = held.get(table) ?? new Map<string, HeldChain>();
    held.set(table, known);
    return known;
  };
  const addCount = (table: TableName, rules: number): void => {
    counts.set(table, (counts.get(table) ?? 0) + rules);
  };
  const drop = (table: TableName, name: string): void => {
    const chains = tableOf(table);
    addCount(table, -(chains.get(name)?.rules ?? 0));
    chains.delete(name);
    removals.delete(idOf(table, name));
  };

  return {
    held,
    writes,
    removals,
    hold(table, name, chain) {
      const chains = tableOf(table);
      addCount(table, chain.rules - (chains.get(name)?.rules ?? 0));
      chains.set(name, chain);
      const id = idOf(table, name);
      if (writes.get(id)?.chain.digest === chain.digest) writes.delete(id);
    },
    drop,
    want(chain, rank) {
      const id = idOf(chain.table, chain.name);
      // Set anew, not in place: later wishes stand behind earlier ones.
      writes.delete(id);
      removals.delete(id);
      if (tableOf(chain.table).get(chain.name)?.digest !== chain.digest) writes.set(id, { chain, rank });
    },
    unwant(table, name, how) {
      const id = idOf(table, name);
      writes.delete(id);
      if (tableOf(table).has(name)) removals.set(id, { table, name, keepEmpty: how === 'empty' });
    },
    forgetPlans() {
      writes.clear();
      removals.clear();
    },
    count: (table) => counts.get(table) ?? 0,
  };
}
