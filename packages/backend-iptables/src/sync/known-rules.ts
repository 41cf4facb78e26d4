/**
 * Which differences another process caused: those between the kernel and its recorded content after the last write of
 * this process. The desired state is no reference: it may have changed since.
 */
import type { Family } from '@signalbox/core';
import { hasRules, PROBE, type TableName } from '@signalbox/iptables';
import { isPending, type RuleLedger } from '../diff/rule-ledger.ts';

/** The last recorded content of the kernel. */
export interface KnownRules {
  /** Its planned changes may have been written. */
  readonly ledger: RuleLedger;
  /** Rules in chains that are not owned, as `formatJump` formats them. */
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
  /** `undefined`: the chain does not exist. */
  readonly listed: readonly string[] | undefined;
}

/** Whether another process created, altered or removed the chain. */
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
