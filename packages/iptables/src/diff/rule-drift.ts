/** Differences between listed and desired rules, as fields. Pure. */
import type { Drift } from '@signalbox/core';
import type { TableName } from '../objects/rule.ts';
import type { OwnedTables } from './owned-rules.ts';
import type { RuleOperation } from './reconcile-rules.ts';

/** The drift of a whole chain. */
export function chainDrift(kind: Drift['kind'], table: TableName, name: string): Drift {
  return { kind, type: 'chain', name, within: table };
}

/** A rule in a chain. */
export interface PlacedText {
  readonly table: TableName;
  readonly chain: string;
  /** Everything after `-A CHAIN `. */
  readonly rule: string;
}

/** The drift of a rule in a chain that is not owned. */
export function jumpDrift(kind: Drift['kind'], { table, chain, rule }: PlacedText): Drift {
  return { kind, type: 'rule', name: rule, within: `${table} ${chain}` };
}

/** The differences that make these operations necessary. `listing`: the listing from which they were planned. */
export function ruleDrift(operations: readonly RuleOperation[], listing: OwnedTables): readonly Drift[] {
  return operations.map((operation) => {
    const { table } = operation;
    switch (operation.kind) {
      case 'write-chain': {
        const { name } = operation.chain;
        return chainDrift(listing[table].own.has(name) ? 'altered' : 'missing', table, name);
      }
      case 'insert-jump':
        return jumpDrift('missing', operation.jump);
      case 'remove-jump':
        return jumpDrift('stale', { table, chain: operation.chain, rule: operation.text });
      case 'delete-chain':
      case 'empty-chain':
        return chainDrift('stale', table, operation.chain);
    }
  });
}
