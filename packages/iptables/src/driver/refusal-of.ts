/** Whether the kernel accepts rules, tried in a chain to which no rule leads. */
import type { BackendError } from '@signalbox/core';
import { encodeRestore } from '../encode/restore-input.ts';
import { encodeRule } from '../encode/rule-text.ts';
import { PROBE } from '../objects/marker-chains.ts';
import { rule, type TableName, type TypedRule } from '../objects/rule.ts';
import { NO_TARGET } from '../objects/target.ts';
import type { IptablesDriver } from './iptables-driver.ts';

/** A rule and its table. `refusalOf` tries rules of filter and nat only. */
export interface PlacedRule {
  readonly table: TableName;
  readonly rule: TypedRule;
}

const TRIAL_TABLES = ['filter', 'nat'] as const;

/** `null`: the kernel accepts these rules. */
export async function refusalOf(
  driver: IptablesDriver,
  rules: readonly PlacedRule[],
): Promise<BackendError | null> {
  for (const table of TRIAL_TABLES) {
    const texts = rules
      .filter((placed) => placed.table === table)
      .map((placed) => encodeRule(withoutJump(placed.rule), driver.family));
    if (texts.length === 0) continue;
    // Two transactions: a rule that one transaction both adds and removes does not reach every check.
    const done = await driver.restore(
      encodeRestore([
        { table, operations: [{ kind: 'write', chain: PROBE, rules: texts }] },
        { table, operations: [{ kind: 'delete', chain: PROBE }] },
      ]),
    );
    if (!done.ok) return done.error;
  }
  return null;
}

/** Chains that a rule leads to need not exist yet, and do not cause a refusal. */
function withoutJump({ matches, target }: TypedRule): TypedRule {
  return target.kind === 'jump' || target.kind === 'goto' ? rule(matches, NO_TARGET) : rule(matches, target);
}
