/** What operations would change, in the syntax of nft: `-` as the kernel has it, `+` as it should be. */
import { formatDifference, type ListedObject } from '@signalbox/backend-kit';
import type { Family } from '@signalbox/core';
import type { DesiredObjects } from '../diff/desired-objects.ts';
import { nftFamily } from '../encode/rule-expressions.ts';
import type { Observed } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';
import { type Chain, type SetDeclaration, TABLE } from '../objects/ruleset.ts';
import { formatRule } from './rule-text.ts';
import { declarationLines, hookLines, setTitle } from './table-text.ts';

export interface DifferenceContext {
  readonly family: Family;
  readonly desired: Pick<DesiredObjects, 'chains' | 'sets'>;
  readonly observed: Pick<Observed, 'chains' | 'sets' | 'elements'>;
}

export function differenceText(
  operations: readonly Operation[],
  context: DifferenceContext,
): readonly string[] {
  const rules = ruleTexts(operations, context);
  const listed = new Map<string, ListedObject>();
  for (const operation of operations) {
    const each = listObject(operation, context, rules);
    if (each === null) continue;
    const { object } = each;
    // Each operation on a chain lists all of it; declaration and elements of a set come one after the other.
    const before = object.startsWith('chain ') ? undefined : listed.get(object);
    listed.set(object, before === undefined ? each : joined(before, each));
  }
  const table = `table ${nftFamily(context.family)} ${TABLE}`;
  return formatDifference(
    [...listed.values()].map((each) => ({
      ...each,
      object: each.object === '' ? table : `${each.object} in ${table}`,
    })),
  );
}

function joined(one: ListedObject, other: ListedObject): ListedObject {
  const { object } = one;
  return {
    object,
    kernel: [...one.kernel, ...other.kernel],
    desired: [...one.desired, ...other.desired],
  };
}

type RuleTexts = ReadonlyMap<string, string>;

/** The kernel's form of each desired rule → nft's: rules are compared as expressions, which need not be decoded. */
function ruleTexts(operations: readonly Operation[], { desired, family }: DifferenceContext): RuleTexts {
  const texts = new Map<string, string>();
  if (operations.every(({ kind }) => !kind.includes('chain') && kind !== 'write-rules')) return texts;
  for (const [, { chain, rules }] of desired.chains.entries()) {
    chain.rules.forEach((rule, index) => texts.set(rules[index] ?? '', formatRule(rule, family)));
  }
  return texts;
}

function listObject(operation: Operation, context: DifferenceContext, rules: RuleTexts): ListedObject | null {
  switch (operation.kind) {
    case 'add-table':
    case 'recreate-table':
      return { object: '', kernel: [], desired: ['comment "Signalbox"'] };
    case 'wake-table':
      return { object: '', kernel: ['flags dormant'], desired: [] };
    case 'add-set':
    case 'recreate-set':
      return listSet(operation.set, context);
    case 'delete-set':
      return { object: `set ${operation.name}`, kernel: [`set ${operation.name}`], desired: [] };
    case 'add-chain':
    case 'recreate-chain':
    case 'write-rules':
      return listChain(operation.chain.name, context, rules);
    case 'delete-chain':
      return listChain(operation.name, context, rules);
    case 'flush-chain':
      return null;
    case 'add-elements':
    case 'replace-elements':
    case 'delete-elements':
      return listElements(operation, context);
  }
}

function listSet(set: SetDeclaration, { observed }: DifferenceContext): ListedObject {
  const held = observed.sets.get(set.name);
  // Not nft's syntax: of a set that differs only what is compared is read.
  const kernel = held === undefined ? [] : [`# declared as ${held.signature} ${held.typeof}`.trimEnd()];
  return { object: setTitle(set), kernel, desired: declarationLines(set) };
}

function listChain(
  name: string,
  { observed, desired, family }: DifferenceContext,
  rules: RuleTexts,
): ListedObject {
  const held = observed.chains.get(name);
  const chain = desired.chains.get(name)?.chain;
  // A chain without rules differs by its name alone.
  const title = (base: Chain['base']): readonly string[] => [`chain ${name}`, ...hookLines(base)];
  return {
    object: `chain ${name}`,
    kernel:
      held === undefined
        ? []
        : [...title(held.base), ...held.rules.map((text) => rules.get(text) ?? `# ${text}`)],
    desired:
      chain === undefined
        ? []
        : [...title(chain.base), ...chain.rules.map((each) => formatRule(each, family))],
  };
}

type ElementOperation = Extract<Operation, { readonly set: string }>;

function listElements(operation: ElementOperation, { observed, desired }: DifferenceContext): ListedObject {
  const { set } = operation;
  const held = observed.elements.bySet.get(set);
  const entries = operation.kind === 'delete-elements' ? [] : operation.entries;
  const keys = operation.kind === 'delete-elements' ? operation.keys : entries.map(({ key }) => key);
  const declaration = desired.sets.get(set);
  return {
    object: declaration === undefined ? `set ${set}` : setTitle(declaration),
    kernel: keys.flatMap((key) => {
      const data = held?.get(key);
      return data === undefined ? [] : [elementLine(key, data)];
    }),
    desired: entries.map(({ key, data }) => elementLine(key, data)),
  };
}

function elementLine(key: string, data: string): string {
  return data === '' ? key : `${key} : ${data}`;
}
