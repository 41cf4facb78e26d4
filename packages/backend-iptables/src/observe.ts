import {
  BUILTIN_CHAINS,
  type DriverResult,
  encodeRule,
  failure,
  type IptablesDriver,
  listTables,
  type SharedRule,
  success,
  type TableName,
  TABLES,
} from '@signalbox/iptables';
import { BASE_JUMPS } from './compile/base-chains.ts';
import { isOwnChain } from './compile/chain-names.ts';
import type { EndpointComments } from './compile/context.ts';
import { observe, targetChain, type Observed } from './diff/observed.ts';

/** Of rules that lead from a service to one of its endpoints; nothing where there are none. */
export async function commentsInKernel(driver: IptablesDriver): Promise<EndpointComments | undefined> {
  let found: EndpointComments | undefined;
  await driver.save((line) => {
    if (!/^(\[\d+:\d+\] )?-A KUBE-SV[CL]-\S+ .*-j (KUBE-SEP-|DNAT )/.test(line)) return;
    if (line.includes(' -> ')) found = 'kept';
    else found ??= 'left-out';
  });
  return found;
}

export type ObservedTables = ReadonlyMap<TableName, Observed>;

/** Reads the tables that services use. `shared`: see `listTables`. */
export async function observeTables(
  driver: IptablesDriver,
  shared: readonly SharedRule[],
): Promise<DriverResult<ObservedTables>> {
  const saved = await listTables(driver, shared);
  if (!saved.ok) return failure(saved.error);
  const tables = new Map<TableName, Observed>();
  for (const table of TABLES) tables.set(table, observe(saved.value[table], isOwnChain, isBaseJump));
  return success(tables);
}

/** In our chains. */
export function countRules(tables: ObservedTables, table: TableName): number {
  return [...(tables.get(table)?.own.values() ?? [])].reduce((sum, rules) => sum + rules.length, 0);
}

/**
 * Whether a rule in one of the kernel's hooks is a proxy's own jump: this one's or a kube-proxy's, whose
 * comments all begin alike.
 */
export function isBaseJump(table: TableName, chain: string, text: string): boolean {
  if (!BUILTIN_CHAINS[table].includes(chain)) return false;
  const target = targetChain(text);
  if (target === null || !isOwnChain(table, target)) return false;
  return KNOWN_JUMPS.has(`${table} ${chain} ${text}`) || /--comment "kubernetes /.test(text);
}

const KNOWN_JUMPS: ReadonlySet<string> = new Set(
  BASE_JUMPS.map(({ table, chain, rule }) => `${table} ${chain} ${encodeRule(rule, 'IPv4')}`),
);
