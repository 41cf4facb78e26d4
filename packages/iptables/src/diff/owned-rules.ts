/** A listing, divided by ownership. Pure. */
import type { ListedTable, ListedTables } from '../encode/parse-save.ts';
import type { TableName } from '../objects/rule.ts';

/** How the chains and rules of one mode are recognized in a listing. */
export interface Ownership {
  /** Whether a chain of this name, in this table, is owned. */
  isOwnChain(table: TableName, name: string): boolean;
  /** Called for rules in chains that are not owned, and that jump to an owned chain. */
  isOwnJump(table: TableName, chain: string, text: string): boolean;
}

/** Everything that `own` recognizes and `kept` does not. */
export function withoutKept(own: Ownership, kept: Ownership | null): Ownership {
  if (kept === null) return own;
  return {
    isOwnChain: (table, name) => own.isOwnChain(table, name) && !kept.isOwnChain(table, name),
    isOwnJump: (table, chain, text) =>
      own.isOwnJump(table, chain, text) && !kept.isOwnJump(table, chain, text),
  };
}

/** An owned rule in a chain that is not owned, and that jumps to an owned chain. */
export interface ListedJump {
  readonly chain: string;
  /** As listed. */
  readonly text: string;
}

/** One table, divided by ownership. */
export interface OwnedRules {
  /** Owned chains: text of their rules as listed. A caller may remove one after use, to free its memory. */
  readonly own: Map<string, readonly string[]>;
  /** Chains that are not owned, the kernel's hooks among them. */
  readonly others: ReadonlyMap<string, readonly string[]>;
  /** Owned jumps in chains that are not owned. */
  readonly jumps: readonly ListedJump[];
  /** Owned chains to which rules that are not owned jump: they cannot be removed. */
  readonly referenced: ReadonlySet<string>;
}

/** Every table of Services, divided by ownership. */
export type OwnedTables = Readonly<Record<TableName, OwnedRules>>;

/** Divides the listing of each table by ownership. */
export function divideTables(listed: ListedTables, ownership: Ownership): OwnedTables {
  const divided = (table: TableName): OwnedRules => divideTable(listed[table], ownership);
  return { filter: divided('filter'), nat: divided('nat'), mangle: divided('mangle') };
}

/** Divides the listing of one table. A rule that is not owned and jumps to an owned chain puts that chain into `referenced`. */
export function divideTable({ table, chains }: ListedTable, ownership: Ownership): OwnedRules {
  const own = new Map<string, readonly string[]>();
  const others = new Map<string, readonly string[]>();
  const jumps: ListedJump[] = [];
  const referenced = new Set<string>();
  for (const [name, rules] of chains) {
    if (ownership.isOwnChain(table, name)) {
      own.set(name, rules);
      continue;
    }
    others.set(name, rules);
    for (const text of rules) {
      const target = targetChain(text);
      if (target === null || !ownership.isOwnChain(table, target)) continue;
      if (ownership.isOwnJump(table, name, text)) jumps.push({ chain: name, text });
      else referenced.add(target);
    }
  }
  return { own, others, jumps, referenced };
}

/** The name after `-j` or `-g` in the text of a rule, a chain or an extension; `null`: the rule has no target. */
export function targetChain(text: string): string | null {
  return /(?:^| )-[jg] (\S+)/.exec(text)?.[1] ?? null;
}

/** Rules in owned chains. */
export function countOwnRules({ own }: OwnedRules): number {
  return [...own.values()].reduce((sum, rules) => sum + rules.length, 0);
}
