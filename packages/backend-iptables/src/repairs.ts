import type { Drift } from '@signalbox/core';
import type { RuleLedger } from './diff/rule-ledger.ts';
import type { TableName } from './objects/rule.ts';

/** The part of the drift that another process made: what was held and not planned to be changed. */
export function repairs(former: RuleLedger, drift: readonly Drift[]): readonly Drift[] {
  return drift.filter((each) => isUnplanned(former, each));
}

function isUnplanned(
  { writes, removals, held }: RuleLedger,
  { kind, type, name, within = '' }: Drift,
): boolean {
  // A rule in a chain that is not owned by Signalbox: the ledger has no entry for it.
  if (type === 'rule') return true;
  const id = `${within} ${name}`;
  if (writes.has(id) || removals.has(id)) return false;
  const isHeld = held.get(within as TableName)?.has(name) === true;
  return kind === 'stale' ? !isHeld : isHeld;
}
