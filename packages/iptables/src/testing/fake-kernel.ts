/** Tables, chains and rules as the kernel keeps them, with the kernel's refusals, one table at a time. */
import { parseRule } from '../encode/parse-rule.ts';
import { encodeRule } from '../encode/rule-text.ts';
import { BUILTIN_CHAINS, TABLES, type Rule, type TableName } from '../objects/rule.ts';
import type { Family } from '@signalbox/core';

/** A rule in the fake kernel. */
export interface HeldRule {
  /** As `iptables-save` prints it. */
  readonly text: string;
  readonly rule: Rule;
}

/** Chain → its rules; the hooks are chains of every table. */
export type FakeTable = ReadonlyMap<string, readonly HeldRule[]>;

/** Why a line or a table was refused. */
export interface Refusal {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** The tables of one family. */
export interface FakeKernel {
  readonly family: Family;
  /** The current content; later changes replace it. */
  table(name: TableName): FakeTable;
  /** Applies one table's input, completely or not at all. `lines` begin after `*table`, without `COMMIT`. */
  apply(name: TableName, lines: readonly string[], firstLine: number): Refusal | null;
}

/** Tables with empty hooks and no other chains. */
export function createFakeKernel(family: Family): FakeKernel {
  const tables = new Map<TableName, Map<string, readonly HeldRule[]>>(
    TABLES.map((table) => [table, new Map(BUILTIN_CHAINS[table].map((name) => [name, []]))]),
  );
  const tableOf = (name: TableName) => tables.get(name) ?? new Map<string, readonly HeldRule[]>();
  return {
    family,
    table: tableOf,
    apply(name, lines, firstLine) {
      const draft = new Map(tableOf(name));
      for (const [index, line] of lines.entries()) {
        const reason = applyLine({ draft, name, family }, line);
        if (reason !== null) return { line: firstLine + index, reason };
      }
      const reason = danglingJump(draft);
      if (reason !== null) return { line: firstLine + lines.length, reason };
      tables.set(name, draft);
      return null;
    },
  };
}

interface Draft {
  readonly draft: Map<string, readonly HeldRule[]>;
  readonly name: TableName;
  readonly family: Family;
}

function applyLine(draft: Draft, line: string): string | null {
  if (line === '' || line.startsWith('#')) return null;
  if (line.startsWith(':')) return declare(draft, line.slice(1).split(' '));
  const [, command = '', chain = '', rest = ''] = /^(-[A-Z]) (\S+)(?: (.*))?$/.exec(line) ?? [];
  const held = draft.draft.get(chain);
  if (command === '-N') return createChain(draft, chain);
  if (held === undefined) return `chain ${chain} does not exist`;
  switch (command) {
    case '-A':
      return put(draft, chain, (rule) => [...held, rule], rest);
    case '-I':
      return put(draft, chain, (rule) => [rule, ...held], rest);
    case '-D':
      return remove(draft, chain, held, rest);
    case '-F':
      draft.draft.set(chain, []);
      return null;
    case '-X':
      return removeChain(draft, chain, held);
    default:
      return `unknown command ${line}`;
  }
}

function createChain({ draft }: Draft, chain: string): string | null {
  if (draft.has(chain)) return `chain ${chain} exists already`;
  draft.set(chain, []);
  return null;
}

function declare({ draft, name }: Draft, [chain = '', policy]: readonly string[]): string | null {
  const builtin = BUILTIN_CHAINS[name].includes(chain);
  if (builtin !== (policy !== '-')) return `chain ${chain} cannot have policy ${policy ?? ''}`;
  // 28 characters and the final zero fit into the kernel's field.
  if (chain.length > 28) return `chain name ${chain} is too long`;
  if (!builtin) draft.set(chain, []);
  return null;
}

function put(
  { draft, family }: Draft,
  chain: string,
  into: (rule: HeldRule) => readonly HeldRule[],
  text: string,
): string | null {
  const rule = parseRule(text);
  if (rule.kind === 'opaque') return `cannot read rule ${text}`;
  const ports = rule.matches.find((match) => match.kind === 'ports');
  const protocol = rule.matches.find((match) => match.kind === 'protocol');
  if (ports !== undefined && ports.protocol !== protocol?.protocol) return `ports without protocol: ${text}`;
  draft.set(chain, into({ text: encodeRule(rule, family), rule }));
  return null;
}

function remove(
  { draft, family }: Draft,
  chain: string,
  held: readonly HeldRule[],
  text: string,
): string | null {
  const canonical = encodeRule(parseRule(text), family);
  const at = held.findIndex((rule) => rule.text === canonical);
  if (at < 0) return `no such rule in ${chain}: ${text}`;
  draft.set(chain, held.toSpliced(at, 1));
  return null;
}

function removeChain({ draft, name }: Draft, chain: string, held: readonly HeldRule[]): string | null {
  if (BUILTIN_CHAINS[name].includes(chain)) return `chain ${chain} is built in`;
  if (held.length > 0) return `chain ${chain} is not empty`;
  for (const [from, rules] of draft) {
    if (rules.some(({ rule }) => targetOf(rule) === chain)) return `chain ${chain} is in use by ${from}`;
  }
  draft.delete(chain);
  return null;
}

function targetOf(rule: Rule): string | null {
  if (rule.kind === 'opaque') return null;
  return rule.target.kind === 'jump' || rule.target.kind === 'goto' ? rule.target.chain : null;
}

function danglingJump(table: FakeTable): string | null {
  for (const [name, rules] of table) {
    for (const { rule } of rules) {
      const target = targetOf(rule);
      if (target !== null && !table.has(target)) return `${name} jumps to ${target}, which does not exist`;
    }
  }
  return null;
}
