/**
 * The operations from listed rules to desired ones: chains, jumps in chains that are not owned, and owned chains that are not
 * desired. Pure.
 */
import type { Family } from '@signalbox/core';
import type { EncodedChain } from '../encode/encoded-chain.ts';
import type { RestoreOperation, TableInput } from '../encode/restore-input.ts';
import { encodeRule } from '../encode/rule-text.ts';
import { BUILTIN_CHAINS, TABLES, type Chain, type SharedRule, type TableName } from '../objects/rule.ts';
import { compareChain, includesRule } from './compare-chain.ts';
import type { OwnedRules, OwnedTables } from './owned-rules.ts';

/** A rule to be inserted at the head of a chain that is not owned. */
export interface MissingJump {
  readonly table: TableName;
  readonly chain: string;
  /** Canonical text, without `-A CHAIN `. */
  readonly rule: string;
  /** The chain does not exist yet and is no hook. */
  readonly create: boolean;
}

/** An owned chain in the kernel that is not desired. */
export interface ObsoleteChain {
  readonly name: string;
  /** As listed. */
  readonly rules: readonly string[];
  /** Rules that are not owned jump to the chain: it can only be emptied. */
  readonly isReferenced: boolean;
}

/** The whole content of the owned chains of one family, and the rules that lead to them. */
export interface DesiredRules {
  readonly family: Family;
  readonly chains: readonly Chain[];
  /** Rules in chains that are not owned. */
  readonly jumps: readonly SharedRule[];
}

/** One change from the listed rules towards the desired ones. `text` is the rule as listed. */
export type RuleOperation =
  | { readonly kind: 'write-chain'; readonly table: TableName; readonly chain: EncodedChain }
  | { readonly kind: 'insert-jump'; readonly table: TableName; readonly jump: MissingJump }
  | { readonly kind: 'remove-jump'; readonly table: TableName; readonly chain: string; readonly text: string }
  /** `empty-chain`: see `ObsoleteChain`. */
  | { readonly kind: 'delete-chain' | 'empty-chain'; readonly table: TableName; readonly chain: string };

/**
 * In an order that is valid within a transaction for each table. Owned jumps that are listed and not desired are removed, owned
 * chains that are not desired are deleted. A mode with too many chains to keep in memory at once compares chain by chain
 * (`compareChain`) and uses `missingJumps` and `obsoleteChains` for the rest.
 */
export function reconcileRules(desired: DesiredRules, listing: OwnedTables): readonly RuleOperation[] {
  return TABLES.flatMap((table) => [
    ...chainOperations(table, desired, listing[table]),
    ...missingJumps(desired, (at, chain) => listing[at].others.get(chain))
      .filter((jump) => jump.table === table)
      .map((jump): RuleOperation => ({ kind: 'insert-jump', table, jump })),
    ...obsoleteOperations(table, desired, listing[table]),
  ]);
}

function chainOperations(
  table: TableName,
  { chains, family }: DesiredRules,
  { own }: OwnedRules,
): readonly RuleOperation[] {
  return chains
    .filter((chain) => chain.table === table)
    .map((chain) => compareChain(chain, own.get(chain.name), family))
    .filter(({ isSame }) => !isSame)
    .map(({ desired }): RuleOperation => ({ kind: 'write-chain', table, chain: desired }));
}

function obsoleteOperations(
  table: TableName,
  { chains, jumps, family }: DesiredRules,
  listing: OwnedRules,
): readonly RuleOperation[] {
  const kept = new Set(chains.filter((chain) => chain.table === table).map(({ name }) => name));
  const isDesired = (chain: string, text: string): boolean =>
    jumps.some(
      (jump) =>
        jump.table === table &&
        jump.chain === chain &&
        includesRule([text], encodeRule(jump.rule, family), family),
    );
  const removes = listing.jumps
    .filter(({ chain, text }) => !isDesired(chain, text))
    .map((jump): RuleOperation => ({ kind: 'remove-jump', table, ...jump }));
  const deletes = obsoleteChains(listing)
    .filter(({ name }) => !kept.has(name))
    .map(({ name, isReferenced }): RuleOperation => {
      return { kind: isReferenced ? 'empty-chain' : 'delete-chain', table, chain: name };
    });
  return [...removes, ...deletes];
}

/** `rulesOf`: the listed rules of a chain that is not owned; `undefined`: the chain does not exist. */
export function missingJumps(
  { jumps, family }: Pick<DesiredRules, 'jumps' | 'family'>,
  rulesOf: (table: TableName, chain: string) => readonly string[] | undefined,
): readonly MissingJump[] {
  const missing: MissingJump[] = [];
  for (const { table, chain, rule } of jumps) {
    const listed = rulesOf(table, chain);
    const text = encodeRule(rule, family);
    if (listed !== undefined && includesRule(listed, text, family)) continue;
    const create = listed === undefined && !BUILTIN_CHAINS[table].includes(chain);
    missing.push({ table, chain, rule: text, create });
  }
  return missing;
}

/** Chains that are left in `own`, except those that are referenced and already empty: they can be neither removed nor emptied. */
export function obsoleteChains({ own, referenced }: OwnedRules): readonly ObsoleteChain[] {
  return [...own]
    .map(([name, rules]) => ({ name, rules, isReferenced: referenced.has(name) }))
    .filter(({ isReferenced, rules }) => !isReferenced || rules.length > 0);
}

/** One transaction for each table that has operations. */
export function restoreInputs(operations: readonly RuleOperation[]): readonly TableInput[] {
  return TABLES.map((table) => ({
    table,
    operations: operations.filter((each) => each.table === table).map(restoreOperation),
  })).filter((input) => input.operations.length > 0);
}

function restoreOperation(operation: RuleOperation): RestoreOperation {
  switch (operation.kind) {
    case 'write-chain':
      return { kind: 'write', chain: operation.chain.name, rules: operation.chain.rules };
    case 'insert-jump':
      return { kind: 'insert', chain: operation.jump.chain, rule: operation.jump.rule };
    case 'remove-jump':
      return { kind: 'remove', chain: operation.chain, rule: operation.text };
    case 'delete-chain':
      return { kind: 'delete', chain: operation.chain };
    case 'empty-chain':
      return { kind: 'flush', chain: operation.chain };
  }
}
