/**
 * Which differences are the work of another process: those between the kernel and what it is known to have held after our
 * last write. What we want now is no measure: it may have changed since.
 */
import type { Family } from '@signalbox/core';
import { hasRules, PROBE, type TableName } from '@signalbox/iptables';
import { isPending, type RuleLedger } from '../diff/rule-ledger.ts';

/** What the kernel was last known to hold. */
export interface KnownRules {
  /** What it plans may have been written. */
  readonly ledger: RuleLedger;
  /** Rules in chains of others, as `formatJump` has them. */
  readonly jumps: ReadonlySet<string>;
}

export function formatJump({
  table,
  chain,
  rule,
}: Readonly<Record<'table' | 'chain' | 'rule', string>>): string {
  return `${table} ${chain}: ${rule}`;
}

export interface ListedChain {
  readonly table: TableName;
  readonly name: string;
  /** `undefined`: it is not there. */
  readonly listed: readonly string[] | undefined;
}

/** Whether another process made, altered or removed the chain. */
export function isAlteredByOthers(
  { ledger }: KnownRules,
  { table, name, listed }: ListedChain,
  family: Family,
): boolean {
  if (name === PROBE || isPending(ledger[table], name)) return false;
  const held = ledger[table].held.get(name);
  if (held === undefined || listed === undefined) return (held === undefined) !== (listed === undefined);
  return !hasRules(held, listed, family);
}
