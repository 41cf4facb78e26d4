import { TABLES, type TableName } from '../objects/rule.ts';

/** One table as `iptables-save` prints it. Chain → text of its rules, each without `-A CHAIN `. */
export interface ListedTable {
  readonly table: TableName;
  /** User-defined chains and hooks, in the order listed. Empty: the table does not exist. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/** The tables that Services use. A table that the listing does not contain has no chains. */
export type ListedTables = Readonly<Record<TableName, ListedTable>>;

/** Collects the output of `iptables-save`. */
export interface SaveReader {
  /** Takes the next line, without its newline. */
  readonly take: (line: string) => void;
  /** The lines taken so far; grows with each. */
  readonly tables: ListedTables;
}

/** Receives the content of the tables that Services use. */
export interface SaveVisitor {
  /** Called for each chain, before its rules. */
  chain(table: TableName, name: string): void;
  /** Rules of a chain come one after the other, and after the chain. `packets`: where the listing has counters. */
  rule(table: TableName, chain: string, text: string, packets?: number): void;
}

/** Reads the output of `iptables-save`, line by line, in either variant, with or without counters. */
export function readSaveLines(visitor: SaveVisitor): (line: string) => void {
  let table: TableName | null = null;
  return (line) => {
    if (line.startsWith('*')) table = TABLES.find((known) => line.trimEnd() === `*${known}`) ?? null;
    else if (table === null) return;
    else if (line.startsWith(':')) visitor.chain(table, line.slice(1, line.indexOf(' ')));
    else {
      const start = line.startsWith('[') ? line.indexOf(']') + 2 : 0;
      if (!line.startsWith('-A ', start)) return;
      const nameEnd = line.indexOf(' ', start + 3);
      const name = line.slice(start + 3, nameEnd === -1 ? undefined : nameEnd);
      const packets = start === 0 ? undefined : Number(line.slice(1, line.indexOf(':')));
      visitor.rule(table, name, nameEnd === -1 ? '' : line.slice(nameEnd + 1).trimEnd(), packets);
    }
  };
}

/**
 * Replaces rules in a listing that the tool could not list: the content of the chain is unknown. No rule of a kernel has this
 * text.
 */
export const UNLISTED_RULE = '-m comment --comment "rules that iptables cannot list"';

/** Checks whether the output of `iptables-save` is complete. */
export interface SaveCheck {
  /** Takes the next line, without its newline. */
  readonly take: (line: string) => void;
  /** Tables that the tool did not list because of rules that it cannot express. */
  readonly incompatible: ReadonlySet<string>;
  /** Tables that it listed as a whole. */
  readonly listed: ReadonlySet<string>;
  /** Why the lines so far, as a whole, are not a complete listing; `null`: they are. */
  problem(): string | null;
}

/** `# Table `nat' is incompatible, use 'nft' tool.` Others only `contain incompatible base-chains`: these are listed. */
const INCOMPATIBLE = /^# Table `(\w+)' is incompatible\b/;

/** The lines of a listing. Comments begin with `#`. */
const LISTED = /^(#|:\S+ \S+ |(\[\d+:\d+\] )?-A \S)/;

/** A truncated listing, or an empty one, would be treated as a kernel without rules. */
export function checkSaveLines(): SaveCheck {
  let table: string | null = null;
  let problem: string | null = null;
  const incompatible = new Set<string>();
  const listed = new Set<string>();
  return {
    incompatible,
    listed,
    take(line) {
      const remark = line.startsWith('#') ? INCOMPATIBLE.exec(line)?.[1] : undefined;
      if (remark !== undefined) incompatible.add(remark);
      if (line.startsWith('*') && table === null) table = line;
      else if (line === 'COMMIT' && table !== null) {
        listed.add(table.slice(1).trimEnd());
        table = null;
      } else if (line.trim() !== '' && !LISTED.test(line))
        problem ??= `it printed ${JSON.stringify(line.slice(0, 200))}`;
    },
    problem: () => problem ?? (table === null ? null : `its output ends within ${table}`),
  };
}

const NONE: string[] = [];

/** A listing that grows with each call. */
export function createListing(): { readonly visitor: SaveVisitor; readonly tables: ListedTables } {
  const chains: Readonly<Record<TableName, Map<string, string[]>>> = {
    filter: new Map(),
    nat: new Map(),
    mangle: new Map(),
  };
  return {
    visitor: {
      chain: (table, name) => chains[table].set(name, NONE),
      rule(table, name, text) {
        const rules = chains[table].get(name);
        // Most chains have one rule; the first `push` to an array makes room for seventeen.
        if (rules === NONE) chains[table].set(name, [text]);
        else rules?.push(text);
      },
    },
    tables: {
      filter: { table: 'filter', chains: chains.filter },
      nat: { table: 'nat', chains: chains.nat },
      mangle: { table: 'mangle', chains: chains.mangle },
    },
  };
}

/** A reader without lines. Lines of other tables, and comments, are ignored. */
export function createSaveReader(): SaveReader {
  const { visitor, tables } = createListing();
  return { take: readSaveLines(visitor), tables };
}

/** The complete output of `iptables-save`. Whether it is truncated is not checked: see `checkSaveLines`. */
export function parseSave(text: string): ListedTables {
  const reader = createSaveReader();
  for (const line of text.split('\n')) reader.take(line);
  return reader.tables;
}
