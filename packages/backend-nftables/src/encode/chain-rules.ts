/** Rules as text that is equal for equal rules, whether compiled or listed by the kernel. */
import type { Family } from '@signalbox/core';
import type { Expression, NftablesRule } from '@signalbox/netlink';
import type { Chain } from '../objects/ruleset.ts';
import type { Rule } from '../objects/rule.ts';
import { ruleExpressions } from './rule-expressions.ts';

export function chainRules({ rules }: Chain, family: Family): readonly string[] {
  return encodeRules(rules, (rule) => ruleText(toNetlinkRule(rule, family)));
}

/** The same object may stand several times in a row: it is encoded once. */
export function encodeRules<T>(rules: readonly Rule[], encode: (rule: Rule) => T): readonly T[] {
  const encoded = new Map<Rule, T>();
  return rules.map((rule) => {
    const known = encoded.get(rule) ?? encode(rule);
    encoded.set(rule, known);
    return known;
  });
}

export function toNetlinkRule(rule: Rule, family: Family): NftablesRule {
  const expressions = ruleExpressions(rule, family);
  return rule.comment === undefined ? { expressions } : { expressions, comment: rule.comment };
}

/** Fields in alphabetical order, bytes as hexadecimal digits. */
export function ruleText({ expressions, comment = '' }: NftablesRule): string {
  return [...expressions.map(expressionText), comment].join('; ');
}

/** Whether the rule of this text looks up or updates the set. */
export function namesSet(text: string, set: string): boolean {
  return text.includes(` set=${JSON.stringify(set)}`);
}

function expressionText(expression: Expression): string {
  const fields = Object.entries(expression).filter(([name]) => name !== 'name');
  const texts = fields
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .toSorted((a, b) => (a < b ? -1 : 1));
  return [expression.name, ...texts].join(' ');
}

function valueText(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : JSON.stringify(value);
}
