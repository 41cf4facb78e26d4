import type { Match } from './match.ts';
import type { Target } from './target.ts';

/** A table of iptables that Services use; others, such as raw and security, are ignored. */
export type TableName = 'filter' | 'nat' | 'mangle';

/** Every table that Services use, in the order of `restoreInputs`. */
export const TABLES: readonly TableName[] = ['filter', 'nat', 'mangle'];

/** All matches must be true. Header matches come first in text whatever their position here. */
export interface TypedRule {
  readonly kind: 'rule';
  readonly matches: readonly Match[];
  readonly target: Target;
}

/** A rule with a match or target that has no type here: kept as printed, equal to no owned rule. */
export interface OpaqueRule {
  readonly kind: 'opaque';
  /** Everything after `-A CHAIN `. */
  readonly text: string;
}

/** A rule with typed parts, or the text of one. */
export type Rule = TypedRule | OpaqueRule;

/** A chain with its whole content. User-defined unless its name is one of the kernel's hooks. */
export interface Chain {
  readonly table: TableName;
  readonly name: string;
  readonly rules: readonly Rule[];
  /** A rule that may precede the others: kept where it is found, never written. */
  readonly tolerated?: TypedRule;
}

/** A rule that must exist in a chain shared with other programs; inserted at the head if absent. */
export interface SharedRule {
  readonly table: TableName;
  /** A hook, or a user-defined chain, which is created if it does not exist. */
  readonly chain: string;
  readonly rule: TypedRule;
}

/** A rule of these matches, in the order in which the kernel evaluates extensions, and one target. */
export function rule(matches: readonly Match[], target: Target): TypedRule {
  return { kind: 'rule', matches, target };
}

/** The kernel's hooks, per table. */
export const BUILTIN_CHAINS: Readonly<Record<TableName, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
};
