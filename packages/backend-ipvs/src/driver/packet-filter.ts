/** The fixed rules and the tool that writes them. */
import {
  canonicalText,
  divideTables,
  encodeRestore,
  encodeRule,
  listTables,
  reconcileRules,
  restoreInputs,
  ruleDrift,
  TABLES,
  type IptablesDriver,
  type ListedTables,
  type OwnedTables,
  type Ownership,
  type RuleOperation,
  type TableName,
} from '@signalbox/iptables';
import { type BackendError, type Drift, fail, type Family, type Result, succeed } from '@signalbox/core';
import * as names from '../compile/names.ts';
import type { PacketFilter, ObsoleteRules } from '../objects/packet-filter.ts';

/** How the rules in the kernel differ from those of `packetFilter`. */
export async function packetFilterDrift(
  driver: IptablesDriver,
  packetFilter: PacketFilter,
): Promise<Result<readonly Drift[]>> {
  const compared = await compareRules(driver, packetFilter);
  return compared.ok ? succeed(ruleDrift(compared.value.operations, compared.value.listing)) : compared;
}

/** Writes chains that differ and adds the jumps that are missing: each table in one transaction. */
export async function installPacketFilter(
  driver: IptablesDriver,
  packetFilter: PacketFilter,
): Promise<BackendError | null> {
  const compared = await compareRules(driver, packetFilter);
  return compared.ok ? write(driver, compared.value.operations) : compared.error;
}

/** Removes what exists of `remains`; returns what was removed. */
export async function removeRules(
  driver: IptablesDriver,
  remains: ObsoleteRules,
): Promise<Result<readonly string[]>> {
  const saved = await listTables(driver, remains.jumps);
  if (!saved.ok) return saved;
  const { family } = driver;
  const owned = usesSets(saved.value) ? remains : withoutSharedNames(remains, saved.value);
  const listing = divideTables(saved.value, ownershipOf(owned, family));
  const operations = reconcileRules({ family, chains: [], jumps: [] }, listing);
  const error = await write(driver, operations);
  if (error !== null) return fail(error);
  const removed = TABLES.map((table) => ({ table, of: operations.filter((each) => each.table === table) }));
  return succeed(
    removed
      .filter(({ of }) => of.length > 0)
      .map(({ table, of }) => `${of.length} rules and chains in ${table}`),
  );
}

interface ComparedRules {
  readonly operations: readonly RuleOperation[];
  readonly listing: OwnedTables;
}

async function compareRules(
  driver: IptablesDriver,
  { chains, jumps, obsolete }: PacketFilter,
): Promise<Result<ComparedRules>> {
  const saved = await listTables(driver, [...jumps, ...obsolete.jumps]);
  if (!saved.ok) return saved;
  const { family } = driver;
  const owned = { chains: [...chains, ...obsolete.chains], jumps: [...jumps, ...obsolete.jumps] };
  const listing = divideTables(saved.value, ownershipOf(owned, family));
  const operations = reconcileRules({ family, chains, jumps }, listing);
  // An obsolete chain to which other rules jump is in use, for example by iptables mode: it stays as it is.
  return succeed({ operations: operations.filter(({ kind }) => kind !== 'empty-chain'), listing });
}

async function write(
  driver: IptablesDriver,
  operations: readonly RuleOperation[],
): Promise<BackendError | null> {
  if (operations.length === 0) return null;
  const written = await driver.restore(encodeRestore(restoreInputs(operations)));
  return written.ok ? null : written.error;
}

function ownershipOf({ chains, jumps }: ObsoleteRules, family: Family): Ownership {
  const own = new Set(chains.map(({ table, name }) => `${table} ${name}`));
  const rules = new Set(
    jumps.map(({ table, chain, rule }) => `${table} ${chain} ${encodeRule(rule, family)}`),
  );
  return {
    isOwnChain: (table, name) => own.has(`${table} ${name}`),
    isOwnJump: (table, chain, text) => rules.has(`${table} ${chain} ${canonicalText(text, family)}`),
  };
}

/** Names of chains that iptables mode has too. Its rules match no sets; while they are installed, these chains are its own. */
const SHARED_NAMES: ReadonlySet<string> = new Set([
  `nat ${names.SERVICES}`,
  `nat ${names.POSTROUTING}`,
  `nat ${names.MARK_MASQ}`,
  `nat ${names.MARK_NON_POD}`,
  `filter ${names.FORWARD}`,
  `filter ${names.PROXY_FIREWALL}`,
]);

function usesSets({ nat }: ListedTables): boolean {
  const services = nat.chains.get(names.SERVICES) ?? [];
  return services.some((text) => text.includes('--match-set KUBE-'));
}

/**
 * A clean-up of iptables mode leaves a chain empty to which rules of this mode still jump. That of kube-proxy does not know
 * MARK_NON_POD, so the chain that jumps to it decides.
 */
function withoutSharedNames({ chains, jumps }: ObsoleteRules, listed: ListedTables): ObsoleteRules {
  const isTheirs = (table: TableName, chain: string): boolean => {
    const inUse = chain === names.MARK_NON_POD ? names.SERVICES : chain;
    return SHARED_NAMES.has(`${table} ${chain}`) && (listed[table].chains.get(inUse)?.length ?? 0) > 0;
  };
  return {
    chains: chains.filter(({ table, name }) => !isTheirs(table, name)),
    jumps: jumps.filter(
      ({ table, rule }) => rule.target.kind !== 'jump' || !isTheirs(table, rule.target.chain),
    ),
  };
}
