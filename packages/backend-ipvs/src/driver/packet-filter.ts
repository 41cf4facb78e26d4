/** The fixed rules and the tool that writes them. */
import {
  canonicalText,
  divideTables,
  encodeRestore,
  encodeRule,
  listTables,
  reconcileRules,
  restoreInputs,
  TABLES,
  type DriverResult,
  type IptablesDriver,
  type ListedTables,
  type Ownership,
  type RuleOperation,
  type TableName,
} from '@signalbox/iptables';
import type { BackendError, Family } from '@signalbox/core';
import * as names from '../compile/chain-names.ts';
import type { Program, ProgramRemains } from '../objects/program.ts';

/** What a packet filter lacks, or has otherwise than `program` says; one line each. */
export async function programDrift(
  driver: IptablesDriver,
  program: Program,
): Promise<DriverResult<readonly string[]>> {
  const operations = await installOperations(driver, program);
  return operations.ok ? { ok: true, value: operations.value.map(describe) } : operations;
}

/** Writes chains that differ and adds the jumps that are missing: each table in one transaction. */
export async function installProgram(driver: IptablesDriver, program: Program): Promise<BackendError | null> {
  const operations = await installOperations(driver, program);
  return operations.ok ? write(driver, operations.value) : operations.error;
}

/** Takes away what is there of `remains`; returns what it was. */
export async function removeProgram(
  driver: IptablesDriver,
  remains: ProgramRemains,
): Promise<DriverResult<readonly string[]>> {
  const saved = await listTables(driver, remains.jumps);
  if (!saved.ok) return saved;
  const { family } = driver;
  const ours = usesSets(saved.value) ? remains : withoutSharedNames(remains, saved.value);
  const listing = divideTables(saved.value, ownershipOf(ours, family));
  const operations = reconcileRules({ family, chains: [], jumps: [] }, listing);
  const error = await write(driver, operations);
  if (error !== null) return { ok: false, error };
  const removed = TABLES.map((table) => ({ table, of: operations.filter((each) => each.table === table) }));
  return {
    ok: true,
    value: removed
      .filter(({ of }) => of.length > 0)
      .map(({ table, of }) => `${of.length} rules and chains in ${table}`),
  };
}

async function installOperations(
  driver: IptablesDriver,
  { chains, jumps, obsolete }: Program,
): Promise<DriverResult<readonly RuleOperation[]>> {
  const saved = await listTables(driver, [...jumps, ...obsolete.jumps]);
  if (!saved.ok) return saved;
  const { family } = driver;
  const owned = { chains: [...chains, ...obsolete.chains], jumps: [...jumps, ...obsolete.jumps] };
  const listing = divideTables(saved.value, ownershipOf(owned, family));
  const operations = reconcileRules({ family, chains, jumps }, listing);
  // An obsolete chain to which other rules jump is in use, for example by iptables mode: it stays as it is.
  return { ok: true, value: operations.filter(({ kind }) => kind !== 'empty-chain') };
}

async function write(
  driver: IptablesDriver,
  operations: readonly RuleOperation[],
): Promise<BackendError | null> {
  if (operations.length === 0) return null;
  const written = await driver.restore(encodeRestore(restoreInputs(operations)));
  return written.ok ? null : written.error;
}

function ownershipOf({ chains, jumps }: ProgramRemains, family: Family): Ownership {
  const own = new Set(chains.map(({ table, name }) => `${table} ${name}`));
  const rules = new Set(
    jumps.map(({ table, chain, rule }) => `${table} ${chain} ${encodeRule(rule, family)}`),
  );
  return {
    isOwnChain: (table, name) => own.has(`${table} ${name}`),
    isOwnJump: (table, chain, text) => rules.has(`${table} ${chain} ${canonicalText(text, family)}`),
  };
}

function describe(operation: RuleOperation): string {
  switch (operation.kind) {
    case 'write-chain':
      return `chain ${operation.table} ${operation.chain.name}`;
    case 'insert-jump':
      return `rule in ${operation.table} ${operation.jump.chain}: ${operation.jump.rule}`;
    case 'remove-jump':
      return `remove in ${operation.table} ${operation.chain}`;
    case 'delete-chain':
    case 'empty-chain':
      return `delete in ${operation.table} ${operation.chain}`;
  }
}

/** Chains that the iptables mode calls the same. It asks no sets; while it is in force they are its own. */
const SHARED_NAMES: ReadonlySet<string> = new Set([
  `nat ${names.SERVICES}`,
  `nat ${names.POSTROUTING}`,
  `nat ${names.MARK_MASQ}`,
  `filter ${names.FORWARD}`,
  `filter ${names.PROXY_FIREWALL}`,
]);

function usesSets({ nat }: ListedTables): boolean {
  const services = nat.chains.get(names.SERVICES) ?? [];
  return services.some((text) => text.includes('--match-set KUBE-'));
}

/** An empty chain is what a cleanup of the iptables mode leaves of one that rules of ours still jump to. */
function withoutSharedNames({ chains, jumps }: ProgramRemains, listed: ListedTables): ProgramRemains {
  const isTheirs = (table: TableName, chain: string): boolean =>
    SHARED_NAMES.has(`${table} ${chain}`) && listed[table].chains.get(chain)?.length !== 0;
  return {
    chains: chains.filter(({ table, name }) => !isTheirs(table, name)),
    jumps: jumps.filter(
      ({ table, rule }) => rule.target.kind !== 'jump' || !isTheirs(table, rule.target.chain),
    ),
  };
}
