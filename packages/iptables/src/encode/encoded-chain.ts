import { createHash } from 'node:crypto';
import type { Family } from '@signalbox/core';
import type { Chain, TableName } from '../objects/rule.ts';
import { parseRule } from './parse-rule.ts';
import { encodeRule } from './rule-text.ts';

/** A chain in canonical text, with a digest of its content for comparison. */
export interface EncodedChain {
  readonly table: TableName;
  readonly name: string;
  /** Each without `-A CHAIN `. */
  readonly rules: readonly string[];
  /** Of the rules alone: see `digestOf`. */
  readonly digest: string;
}

/** The rules of a chain in canonical text, in their order. `tolerated` is not encoded. */
export function encodeChain(chain: Chain, family: Family): EncodedChain {
  const rules = chain.rules.map((rule) => encodeRule(rule, family));
  return { table: chain.table, name: chain.name, rules, digest: digestOf(rules) };
}

/** SHA-1 of the rules, one a line, in base64. */
export function digestOf(rules: readonly string[]): string {
  return createHash('sha1').update(rules.join('\n')).digest('base64');
}

/** A listed rule in canonical text: other versions of the tool print some options differently. */
export function canonicalText(text: string, family: Family): string {
  return encodeRule(parseRule(text), family);
}
