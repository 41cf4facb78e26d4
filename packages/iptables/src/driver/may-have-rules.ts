/**
 * Whether one mode may have rules in the tables of iptables, asked without its programs: a clean-up runs 15 processes for each
 * family, each of which takes milliseconds and stops this process while it is forked, and mostly there is nothing to remove.
 */
import { readFile } from 'node:fs/promises';
import type { Family } from '@signalbox/core';
import { createNftablesClient, type NftablesClient } from '@signalbox/netlink';
import { withoutKept, type Ownership } from '../diff/owned-rules.ts';
import { TABLES } from '../objects/rule.ts';
import type { KeptRules, Variant } from './iptables-driver.ts';
import { LEGACY_TABLES } from './kubelet-variant.ts';
import { nftTable } from './nft-family.ts';

/** The rules whose existence `mayHaveRules` queries. */
export interface RuleQuery {
  readonly family: Family;
  readonly own: Ownership;
  /** Rules that are not asked about: the chains of another mode, or all of a variant. */
  readonly kept: KeptRules | null;
}

/** What a test may put in the kernel's place. */
export interface RuleReads {
  readonly client: Pick<NftablesClient, 'listTables' | 'listChains'>;
  /** The content of a file in /proc; rejects as `readFile` does. */
  readonly readText: (file: string) => Promise<string>;
}

const VARIANTS: readonly Variant[] = ['nft', 'legacy'];

/**
 * `false` proves that there are none: an owned jump leads to an owned chain, and no such chain exists. What cannot be read may
 * have rules, and so may legacy tables, whose chains only the program lists.
 */
export async function mayHaveRules(query: RuleQuery, reads?: RuleReads): Promise<boolean> {
  if (reads !== undefined) return askVariants(query, reads);
  const client = createNftablesClient();
  const answer = await askVariants(query, { client, readText: (file) => readFile(file, 'utf8') });
  client.close();
  return answer;
}

async function askVariants({ family, own, kept }: RuleQuery, reads: RuleReads): Promise<boolean> {
  for (const variant of VARIANTS) {
    const rules = kept?.variant === variant ? kept.rules : null;
    if (rules === 'all') continue;
    const asked = withoutKept(own, rules);
    const found =
      variant === 'nft' ? await hasNftChains(reads, family, asked) : await hasLegacyTables(reads, family);
    if (found) return true;
  }
  return false;
}

async function hasNftChains({ client }: RuleReads, family: Family, own: Ownership): Promise<boolean> {
  const tables = await client.listTables();
  // A kernel without nf_tables has no tables.
  if (!tables.ok) return tables.error.code !== 'unsupported';
  for (const name of TABLES) {
    const table = nftTable(family, name);
    if (!tables.value.some((each) => each.family === table.family && each.name === name)) continue;
    const chains = await client.listChains(table);
    if (!chains.ok || chains.value.some((chain) => own.isOwnChain(name, chain.name))) return true;
  }
  return false;
}

/** The kernel names tables that a program has used since the start of the node, with rules or without. */
async function hasLegacyTables({ readText }: RuleReads, family: Family): Promise<boolean> {
  try {
    const names = (await readText(LEGACY_TABLES[family])).split('\n');
    return TABLES.some((table) => names.includes(table));
  } catch (error) {
    // Without the file its modules are not loaded; the program itself takes that for no tables.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
