import type { TableName } from '../objects/rule.ts';

/** One table as `iptables-save` prints it. Chain → text of its rules, each without `-A CHAIN `. */
export interface ListedTable {
  readonly table: TableName;
  /** User-defined chains and hooks, in the order listed. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads the output of `iptables-save -t TABLE`, of either variant, with or without counters.
 * An empty output means an empty table (the legacy variant prints nothing while its module is not loaded).
 */
export function parseSave(text: string, table: TableName): ListedTable {
  const chains = new Map<string, string[]>();
  let inTable = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) inTable = line.trimEnd() === `*${table}`;
    else if (inTable) takeLine(chains, line);
  }
  return { table, chains };
}

function takeLine(chains: Map<string, string[]>, line: string): void {
  if (line.startsWith(':')) {
    chains.set(line.slice(1, line.indexOf(' ')), []);
    return;
  }
  const start = line.startsWith('[') ? line.indexOf(']') + 2 : 0;
  if (!line.startsWith('-A ', start)) return;
  const nameEnd = line.indexOf(' ', start + 3);
  const name = line.slice(start + 3, nameEnd === -1 ? undefined : nameEnd);
  const rules = chains.get(name);
  if (rules !== undefined) rules.push(nameEnd === -1 ? '' : line.slice(nameEnd + 1).trimEnd());
}
