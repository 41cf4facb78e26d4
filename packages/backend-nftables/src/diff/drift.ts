/** Operations that should not have been necessary, read as the differences that made them so. */
import type { Drift } from '@signalbox/core';
import type { Entry, Operation } from '../objects/operation.ts';
import { TABLE } from '../objects/ruleset.ts';

export function driftOf(operations: readonly Operation[]): readonly Drift[] {
  // A table that is gone is one difference, whatever was in it.
  if (operations.some(({ kind }) => kind === 'add-table'))
    return [{ kind: 'missing', type: 'table', name: TABLE }];
  const added = new Set(
    operations.flatMap((operation) => (operation.kind === 'add-chain' ? [operation.chain.name] : [])),
  );
  return operations.flatMap((operation) => differences(operation, added));
}

function differences(operation: Operation, added: ReadonlySet<string>): readonly Drift[] {
  return isOfElements(operation) ? ofElements(operation) : ofObject(operation, added);
}

type ElementOperation = Extract<Operation, { kind: 'add-elements' | 'replace-elements' | 'delete-elements' }>;

function isOfElements(operation: Operation): operation is ElementOperation {
  return 'entries' in operation || 'keys' in operation;
}

function ofElements(operation: ElementOperation): readonly Drift[] {
  switch (operation.kind) {
    case 'add-elements':
      return elements('missing', operation.set, keysOf(operation));
    case 'replace-elements':
      return elements('altered', operation.set, keysOf(operation));
    case 'delete-elements':
      return elements('stale', operation.set, operation.keys);
  }
}

function ofObject(
  operation: Exclude<Operation, ElementOperation>,
  added: ReadonlySet<string>,
): readonly Drift[] {
  switch (operation.kind) {
    case 'add-table':
    case 'recreate-table':
    case 'flush-chain':
      return [];
    case 'wake-table':
      return [{ kind: 'altered', type: 'table', name: TABLE }];
    case 'add-set':
      return [{ kind: 'missing', type: 'set', name: operation.set.name }];
    case 'recreate-set':
      return [{ kind: 'altered', type: 'set', name: operation.set.name }];
    case 'delete-set':
      return [{ kind: 'stale', type: 'set', name: operation.name }];
    case 'add-chain':
      return [{ kind: 'missing', type: 'chain', name: operation.chain.name }];
    case 'recreate-chain':
      return [{ kind: 'altered', type: 'chain', name: operation.chain.name }];
    case 'delete-chain':
      return [{ kind: 'stale', type: 'chain', name: operation.name }];
    case 'write-rules': {
      const { name } = operation.chain;
      return added.has(name) ? [] : [{ kind: 'altered', type: 'chain', name }];
    }
  }
}

function keysOf({ entries }: { readonly entries: readonly Entry[] }): readonly string[] {
  return entries.map(({ key }) => key);
}

function elements(kind: Drift['kind'], set: string, keys: readonly string[]): readonly Drift[] {
  return keys.map((name) => ({ kind, type: 'element', name, within: set }));
}
