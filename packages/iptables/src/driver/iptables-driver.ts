/** The interface between rules and the kernel. Implementations: `exec-driver.ts`, and the fake in testing/. */
import { type Family, type Result, succeed } from '@signalbox/core';
import type { Ownership } from '../diff/owned-rules.ts';
import { createSaveReader, UNLISTED_RULE, type ListedTables } from '../encode/parse-save.ts';
import type { RestoreInput } from '../encode/restore-input.ts';
import { encodeRule } from '../encode/rule-text.ts';
import type { SharedRule, TableName } from '../objects/rule.ts';
import type { OtherCommits } from './other-commits.ts';

/**
 * The two implementations of iptables: rules of one are invisible to the other.
 * `nft` translates to nf_tables, `legacy` uses x_tables.
 */
export type Variant = 'nft' | 'legacy';

/** Rules that a removal keeps, since another mode uses them. */
export interface KeptRules {
  /** In tables of this variant; the other variant has none. */
  readonly variant: Variant;
  /** `all`: every rule of the variant. */
  readonly rules: Ownership | 'all';
}

/** Variant, version and features of the iptables programs. */
export interface ToolFacts {
  readonly variant: Variant;
  /** `1.8.9`. */
  readonly version: string;
  /** MASQUERADE supports `--random-fully` (1.6.2 and later). */
  readonly randomFully: boolean;
}

/**
 * Reads and writes the tables of one family. Methods return errors as values: the program is missing, fails, or is killed at
 * its time limit.
 */
export interface IptablesDriver {
  readonly family: Family;
  /** Detects the tool and its features. After a success it returns the same result without another query. */
  probe(): Promise<Result<ToolFacts>>;
  /**
   * The output of `iptables-save`, line by line. All tables are listed at once: a listing of one table makes legacy create it,
   * and nft reads them all anyway. A chain that the tool cannot list has `UNLISTED_RULE` for its rules.
   * `timeLimit`: milliseconds after which the tool is killed; `iptables-nft-save` restarts its listing at each commit. `counters`:
   * each rule with the packets and bytes that it counted, but for rules of a table that is listed chain by chain.
   */
  save(onLine: (line: string) => void, timeLimit?: number, counters?: 'counters'): Promise<Result<null>>;
  /**
   * The same for some chains, in the order given; one that does not exist has `UNLISTED_RULE` for its rules. A listing of 500
   * chains takes 65 ms among 20,000, for which `save` takes 2.3 s: commits rarely make it restart. For the nft variant.
   */
  saveChains?(
    table: TableName,
    chains: readonly string[],
    onLine: (line: string) => void,
  ): Promise<Result<null>>;
  /** `iptables-restore --noflush`: each table in the input is a transaction, applied completely or not at all. */
  restore(input: RestoreInput): Promise<Result<null>>;
  /** Whether the chain exists, a hook or user-defined. */
  hasChain(table: TableName, chain: string): Promise<Result<boolean>>;
  /** `rule` is canonical text. */
  hasRule(table: TableName, chain: string, rule: string): Promise<Result<boolean>>;
  /** The same tool in the other variant, if it is installed: for cleanup. */
  otherVariant(): Promise<IptablesDriver | null>;
  /** The number of times that other processes have written nf_tables; absent where that cannot be determined. */
  otherCommits?(): Promise<OtherCommits>;
  /** Ends commands that still run and closes sockets; rules stay in place. */
  close(): Promise<void>;
}

/** `null`: not known at the moment. */
export async function countOtherCommits(driver: IptablesDriver): Promise<number | null> {
  const answer = await driver.otherCommits?.();
  return answer?.kind === 'counted' ? answer.total : null;
}

/** Everything at once. `jumps` are also searched in chains that the tool cannot list. */
export async function listTables(
  driver: IptablesDriver,
  jumps: readonly SharedRule[] = [],
): Promise<Result<ListedTables>> {
  const reader = createSaveReader();
  const saved = await driver.save((line) => reader.take(line));
  if (!saved.ok) return saved;
  return askForUnlisted(driver, reader.tables, jumps);
}

/** The same tables, and those `jumps` that are in chains that were not listed: `-C` finds a rule among any others. */
export async function askForUnlisted(
  driver: IptablesDriver,
  tables: ListedTables,
  jumps: readonly SharedRule[],
): Promise<Result<ListedTables>> {
  const found = new Map<TableName, Map<string, readonly string[]>>();
  for (const { table, chain, rule } of jumps) {
    const listed = found.get(table)?.get(chain) ?? tables[table].chains.get(chain);
    const text = encodeRule(rule, driver.family);
    if (listed?.[0] !== UNLISTED_RULE || listed.includes(text)) continue;
    const answer = await driver.hasRule(table, chain, text);
    if (!answer.ok) return answer;
    const chains = found.get(table) ?? new Map(tables[table].chains);
    found.set(table, answer.value ? chains.set(chain, [...listed, text]) : chains);
  }
  const withFound = (table: TableName): ListedTables[TableName] => ({
    table,
    chains: found.get(table) ?? tables[table].chains,
  });
  return succeed({ filter: withFound('filter'), nat: withFound('nat'), mangle: withFound('mangle') });
}
