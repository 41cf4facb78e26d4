/** Writes to the table, each all or nothing together with the others of its batch. */
import type { Chain, SetDeclaration } from './ruleset.ts';

/** Key and data of an element, as text. */
export interface Entry {
  readonly key: string;
  /** Empty in a set. */
  readonly data: string;
}

export type Operation =
  | { readonly kind: 'add-table' }
  /** A table that is dormant: packets meet it again. */
  | { readonly kind: 'wake-table' }
  /** Deletes the table with all that is in it, and makes it anew: at no moment is there none. */
  | { readonly kind: 'recreate-table' }
  | { readonly kind: 'add-set'; readonly set: SetDeclaration }
  | { readonly kind: 'delete-set'; readonly name: string }
  /** Deletes the set with its elements and makes it anew; the rules of its users, which hold it, are written again. */
  | { readonly kind: 'recreate-set'; readonly set: SetDeclaration; readonly users: readonly Chain[] }
  /** Creates the chain without rules; one that exists stays. */
  | { readonly kind: 'add-chain'; readonly chain: Chain }
  /** A base chain cannot be moved to another hook or priority: it is deleted and made anew with its rules. */
  | { readonly kind: 'recreate-chain'; readonly chain: Chain }
  /** Replaces all rules of the chain. */
  | { readonly kind: 'write-rules'; readonly chain: Chain }
  | { readonly kind: 'flush-chain'; readonly name: string }
  | { readonly kind: 'delete-chain'; readonly name: string }
  | { readonly kind: 'add-elements'; readonly set: string; readonly entries: readonly Entry[] }
  /** The data of elements that are there. */
  | { readonly kind: 'replace-elements'; readonly set: string; readonly entries: readonly Entry[] }
  | { readonly kind: 'delete-elements'; readonly set: string; readonly keys: readonly string[] };
