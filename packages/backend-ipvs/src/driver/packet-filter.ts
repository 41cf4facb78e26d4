/** The fixed rules and the tool that writes them. */
import {
  encodeChain,
  encodeRestore,
  encodeRule,
  listTables,
  parseRule,
  TABLES,
  type Chain,
  type DriverResult,
  type IptablesDriver,
  type ListedTable,
  type RestoreOperation,
  type SharedRule,
  type TableInput,
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
  const saved = await listTables(driver, jumpsOf(program));
  if (!saved.ok) return saved;
  const drift: string[] = [];
  for (const table of TABLES) {
    const listed = saved.value[table];
    const chains = program.chains.filter((chain) => chain.table === table);
    for (const chain of chains) {
      if (!isHeld(listed, chain, driver.family)) drift.push(`chain ${table} ${chain.name}`);
    }
    for (const operation of obsoleteOperations(listed, program, driver.family)) {
      drift.push(`${operation.kind} in ${table} ${operation.chain}`);
    }
    for (const jump of missingJumps(listed, program.jumps, driver.family)) {
      drift.push(`rule in ${table} ${jump.chain}: ${encodeRule(jump.rule, driver.family)}`);
    }
  }
  return { ok: true, value: drift };
}

/** Writes all chains anew and adds the jumps that are missing: each table in one transaction. */
export async function installProgram(driver: IptablesDriver, program: Program): Promise<BackendError | null> {
  const saved = await listTables(driver, jumpsOf(program));
  if (!saved.ok) return saved.error;
  const inputs = TABLES.map((table): TableInput => {
    const listed = saved.value[table];
    return { table, operations: installOperations(listed, program, driver.family) };
  });
  const written = await driver.restore(encodeRestore(inputs));
  return written.ok ? null : written.error;
}

/** Takes away what is there of `remains`; says what it was. */
export async function removeProgram(
  driver: IptablesDriver,
  remains: ProgramRemains,
): Promise<DriverResult<readonly string[]>> {
  const saved = await listTables(driver, remains.jumps);
  if (!saved.ok) return saved;
  const tables = TABLES.map((table) => saved.value[table]);
  const ours = tables.some(usesSets) ? remains : withoutSharedNames(remains, tables);
  const inputs = tables
    .map((listed) => ({ table: listed.table, operations: removeOperations(listed, ours, driver.family) }))
    .filter(({ operations }) => operations.length > 0);
  if (inputs.length === 0) return { ok: true, value: [] };
  const written = await driver.restore(encodeRestore(inputs));
  if (!written.ok) return written;
  return {
    ok: true,
    value: inputs.map(({ table, operations }) => `${operations.length} rules and chains in ${table}`),
  };
}

function jumpsOf({ jumps, obsolete }: Program): readonly SharedRule[] {
  return [...jumps, ...obsolete.jumps];
}

function isHeld(listed: ListedTable, chain: Chain, family: Family): boolean {
  const held = listed.chains.get(chain.name);
  const wanted = encodeChain(chain, family).rules;
  if (held?.length !== wanted.length) return false;
  return held.every((text, index) => text === wanted[index] || canonical(text, family) === wanted[index]);
}

function missingJumps(
  listed: ListedTable,
  jumps: readonly SharedRule[],
  family: Family,
): readonly SharedRule[] {
  return jumps.filter(
    ({ table, chain, rule }) =>
      table === listed.table &&
      !(listed.chains.get(chain) ?? []).some((text) => canonical(text, family) === encodeRule(rule, family)),
  );
}

function installOperations(
  listed: ListedTable,
  program: Program,
  family: Family,
): readonly RestoreOperation[] {
  const writes = program.chains
    .filter(({ table }) => table === listed.table)
    .map((chain): RestoreOperation => ({
      kind: 'write',
      chain: chain.name,
      rules: encodeChain(chain, family).rules,
    }));
  const inserts = missingJumps(listed, program.jumps, family).map(({ chain, rule }): RestoreOperation => ({
    kind: 'insert',
    chain,
    rule: encodeRule(rule, family),
  }));
  return [...writes, ...inserts, ...obsoleteOperations(listed, program, family)];
}

/** The jumps of kube-proxy, and those of its chains that nobody else jumps to. */
function obsoleteOperations(
  listed: ListedTable,
  { chains, obsolete }: Program,
  family: Family,
): readonly RestoreOperation[] {
  const written = new Set(chains.filter(({ table }) => table === listed.table).map(({ name }) => name));
  const operations = removeOperations(listed, obsolete, family);
  const removed = new Set(
    operations.map((each) => (each.kind === 'remove' ? `${each.chain} ${each.rule}` : each.chain)),
  );
  const used = new Set<string>();
  for (const [name, rules] of listed.chains) {
    if (written.has(name) || removed.has(name)) continue;
    for (const text of rules) {
      const target = / -[jg] (\S+)/.exec(` ${text}`)?.[1];
      if (target !== undefined && !removed.has(`${name} ${text}`)) used.add(target);
    }
  }
  return operations.filter((each) => each.kind !== 'delete' || !used.has(each.chain));
}

function removeOperations(
  listed: ListedTable,
  remains: ProgramRemains,
  family: Family,
): readonly RestoreOperation[] {
  const wanted = new Set(
    remains.jumps
      .filter(({ table }) => table === listed.table)
      .map(({ chain, rule }) => `${chain} ${encodeRule(rule, family)}`),
  );
  const removes = [...listed.chains].flatMap(([chain, rules]) =>
    rules
      .filter((text) => wanted.has(`${chain} ${canonical(text, family)}`))
      .map((rule): RestoreOperation => ({ kind: 'remove', chain, rule })),
  );
  const deletes = remains.chains
    .filter(({ table, name }) => table === listed.table && listed.chains.has(name))
    .map(({ name }): RestoreOperation => ({ kind: 'delete', chain: name }));
  return [...removes, ...deletes];
}

/** Chains that the iptables mode calls the same. It asks no sets; while it is in force they are its own. */
const SHARED_NAMES: ReadonlySet<string> = new Set([
  `nat ${names.SERVICES}`,
  `nat ${names.POSTROUTING}`,
  `nat ${names.MARK_MASQ}`,
  `filter ${names.FORWARD}`,
  `filter ${names.PROXY_FIREWALL}`,
]);

function usesSets({ table, chains }: ListedTable): boolean {
  const services = table === 'nat' ? (chains.get(names.SERVICES) ?? []) : [];
  return services.some((text) => text.includes('--match-set KUBE-'));
}

/** An empty chain is what a cleanup of the iptables mode leaves of one that rules of ours still jump to. */
function withoutSharedNames(
  { chains, jumps }: ProgramRemains,
  tables: readonly ListedTable[],
): ProgramRemains {
  const isTheirs = (table: TableName, chain: string): boolean =>
    SHARED_NAMES.has(`${table} ${chain}`) &&
    tables.some((listed) => listed.table === table && listed.chains.get(chain)?.length !== 0);
  return {
    chains: chains.filter(({ table, name }) => !isTheirs(table, name)),
    jumps: jumps.filter(
      ({ table, rule }) => rule.target.kind !== 'jump' || !isTheirs(table, rule.target.chain),
    ),
  };
}

function canonical(text: string, family: Family): string {
  return encodeRule(parseRule(text), family);
}
