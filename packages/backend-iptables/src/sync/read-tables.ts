import { type Result, succeed } from '@signalbox/core';
import {
  BUILTIN_CHAINS,
  divideTables,
  encodeRule,
  listTables,
  targetChain,
  type IptablesDriver,
  type OwnedTables,
  type Ownership,
  type SharedRule,
  type TableName,
} from '@signalbox/iptables';
import { BASE_JUMPS } from '../compile/base-chains.ts';
import { isOwnChain } from '../compile/names.ts';
import type { EndpointComments } from '../compile/context.ts';

/** Of rules that lead from a service to one of its endpoints; none if there are no such rules. */
export async function commentsInKernel(driver: IptablesDriver): Promise<EndpointComments | undefined> {
  let found: EndpointComments | undefined;
  await driver.save((line) => {
    if (!/^(\[\d+:\d+\] )?-A KUBE-SV[CL]-\S+ .*-j (KUBE-SEP-|DNAT )/.test(line)) return;
    if (line.includes(' -> ')) found = 'kept';
    else found ??= 'left-out';
  });
  return found;
}

/** Reads the tables that services use. `shared`: see `listTables`. */
export async function observeTables(
  driver: IptablesDriver,
  shared: readonly SharedRule[],
): Promise<Result<OwnedTables>> {
  const saved = await listTables(driver, shared);
  return saved.ok ? succeed(divideTables(saved.value, OWNERSHIP)) : saved;
}

/**
 * Whether a rule in one of the kernel's hooks is a proxy's own jump: of Signalbox, or of a kube-proxy, whose comments all
 * have the same prefix.
 */
function isBaseJump(table: TableName, chain: string, text: string): boolean {
  if (!BUILTIN_CHAINS[table].includes(chain)) return false;
  const target = targetChain(text);
  if (target === null || !isOwnChain(table, target)) return false;
  return KNOWN_JUMPS.has(`${table} ${chain} ${text}`) || /--comment "kubernetes /.test(text);
}

/** The chains of iptables mode, of Signalbox and of kube-proxy, and the jumps to them from the hooks. */
export const OWNERSHIP: Ownership = { isOwnChain, isOwnJump: isBaseJump };

const KNOWN_JUMPS: ReadonlySet<string> = new Set(
  BASE_JUMPS.map(({ table, chain, rule }) => `${table} ${chain} ${encodeRule(rule, 'IPv4')}`),
);
