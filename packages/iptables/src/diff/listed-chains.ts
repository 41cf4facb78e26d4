/** Chains that differ, as `iptables-save` prints them. Pure. */
import type { Family } from '@signalbox/core';
import { canonicalText } from '../encode/encoded-chain.ts';
import type { TableName } from '../objects/rule.ts';
import type { OwnedTables } from './owned-rules.ts';
import type { RuleOperation } from './reconcile-rules.ts';

/** One chain as lines of `iptables-save`, in the kernel and as desired. */
export interface ListedChain {
  /** `chain KUBE-SERVICES in table nat`. */
  readonly object: string;
  /** Without lines that both have, where only single rules are known to differ. */
  readonly kernel: readonly string[];
  readonly desired: readonly string[];
}

/** A chain by its table and name. */
export interface ChainPlace {
  readonly table: TableName;
  readonly name: string;
}

/** A whole chain; `undefined`: there is none. */
export function listChain(
  place: ChainPlace,
  kernel: readonly string[] | undefined,
  desired: readonly string[] | undefined,
): ListedChain {
  const lines = (rules: readonly string[] | undefined): readonly string[] =>
    rules === undefined ? [] : [`:${place.name} - [0:0]`, ...rulesOf(place, rules)];
  return { object: objectName(place), kernel: lines(kernel), desired: lines(desired) };
}

/** Single rules of a chain. */
export function listRules(
  place: ChainPlace,
  kernel: readonly string[],
  desired: readonly string[],
): ListedChain {
  return { object: objectName(place), kernel: rulesOf(place, kernel), desired: rulesOf(place, desired) };
}

/** What these operations change. `listing`: the one from which they were planned. */
export function listOperations(
  operations: readonly RuleOperation[],
  listing: OwnedTables,
  family: Family,
): readonly ListedChain[] {
  return operations.map((operation) => {
    const { table } = operation;
    const held = (name: string) => listing[table].own.get(name)?.map((text) => canonicalText(text, family));
    switch (operation.kind) {
      case 'write-chain': {
        const { name, rules } = operation.chain;
        return listChain({ table, name }, held(name), rules);
      }
      case 'insert-jump':
        return listRules({ table, name: operation.jump.chain }, [], [operation.jump.rule]);
      case 'remove-jump':
        return listRules({ table, name: operation.chain }, [operation.text], []);
      case 'delete-chain':
      case 'empty-chain': {
        const kept = operation.kind === 'empty-chain' ? [] : undefined;
        return listChain({ table, name: operation.chain }, held(operation.chain), kept);
      }
    }
  });
}

function rulesOf({ name }: ChainPlace, rules: readonly string[]): readonly string[] {
  return rules.map((rule) => `-A ${name} ${rule}`.trimEnd());
}

function objectName({ table, name }: ChainPlace): string {
  return `chain ${name} in table ${table}`;
}
