/** A dry run: the rules of a state, without a kernel. Pure. */
import { checkedChange, type DesiredState, type Result, succeed } from '@signalbox/core';
import {
  BUILTIN_CHAINS,
  encodeChain,
  encodeRestore,
  missingJumps,
  type RestoreOperation,
  type TableName,
  TABLES,
  type Variant,
} from '@signalbox/iptables';
import { BALANCING } from './compile/load-balancing.ts';
import { createRuleCompiler, type RuleCompiler } from './compile/rule-compiler.ts';
import { isFirewallJump } from './diff/plan.ts';
import { type IptablesOptions, ruleOptions } from './options.ts';

/** Options of the rules, as in `IptablesOptions`, and the variant to render for. */
export interface RenderOptions extends Pick<
  IptablesOptions,
  'masqueradeBit' | 'randomFully' | 'conntrackLiberal' | 'accounting'
> {
  /** `nft` by default. */
  readonly variant?: Variant;
}

/**
 * What a sync writes into tables without rules of Signalbox, as input of `iptables-restore --noflush`. Fails, with the field, if a
 * service port violates the contract of `DesiredState`.
 */
export function renderRules(state: DesiredState, options: RenderOptions = {}): Result<string> {
  const change = checkedChange(state, BALANCING);
  if (!change.ok) return change;
  const { family } = state;
  const { variant = 'nft', ...others } = options;
  const tool = { variant, version: '1.8.0', randomFully: true };
  const compiler = createRuleCompiler(family, ruleOptions({ family, ...others }, tool));
  compiler.apply(change.value);
  const tables = TABLES.map((table) => ({ table, operations: operationsOf(table, compiler, family) }));
  const used = tables.filter(({ operations }) => operations.length > 0);
  return succeed([...encodeRestore(used)].join(''));
}

function operationsOf(
  table: TableName,
  compiler: RuleCompiler,
  family: DesiredState['family'],
): readonly RestoreOperation[] {
  const chains = [...compiler.all()].map(({ chain }) => chain).filter((chain) => chain.table === table);
  const writes = chains.map((chain): RestoreOperation => {
    const { name, rules } = encodeChain(chain, family);
    return { kind: 'write', chain: name, rules };
  });
  const jumps = missingJumps({ jumps: compiler.shared(), family }, contentOfEmpty).filter(
    (jump) => jump.table === table,
  );
  // Each is inserted at the head.
  const inOrder = [...jumps.filter((jump) => !isFirewallJump(jump)), ...jumps.filter(isFirewallJump)];
  const created = jumps.filter(({ create }) => create);
  return [
    ...created.map(({ chain }): RestoreOperation => ({ kind: 'create', chain })),
    ...writes,
    ...inOrder.map(({ chain, rule }): RestoreOperation => ({ kind: 'insert', chain, rule })),
  ];
}

function contentOfEmpty(table: TableName, chain: string): readonly string[] | undefined {
  return BUILTIN_CHAINS[table].includes(chain) ? [] : undefined;
}
