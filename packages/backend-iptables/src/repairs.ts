import type { Drift } from '@signalbox/core';
import type { RuleLedger } from './diff/rule-ledger.ts';
import type { TableName } from './objects/rule.ts';

/** More lines than this help nobody. */
const LIMIT = 50;

/** The part of the drift that is not of our own making: what we held and had not planned to change. */
export function repairs(former: RuleLedger, drift: readonly Drift[]): readonly string[] {
  const lines = drift
    .filter((each) => isForeign(former, each))
    .map(({ kind, object }) => `${kind}: ${object}`);
  if (lines.length <= LIMIT) return lines;
  return [...lines.slice(0, LIMIT), `and ${lines.length - LIMIT} more`];
}

function isForeign(former: RuleLedger, { kind, object }: Drift): boolean {
  // A rule in a chain of others: `nat PREROUTING: …`.
  if (object.includes(': ')) return true;
  if (former.writes.has(object) || former.removals.has(object)) return false;
  const [table, name = ''] = object.split(' ');
  const held = former.held.get(table as TableName)?.has(name) === true;
  return kind === 'stale' ? !held : held;
}
