/** The fixed rules and the tool that writes them. */
import {
  canonicalText,
  divideTables,
  encodeRestore,
  encodeRule,
  listOperations,
  listTables,
  reconcileRules,
  removeRules,
  restoreInputs,
  ruleDrift,
  type IptablesDriver,
  type KeptRules,
  type ListedChain,
  type ListedTables,
  type OwnedTables,
  type Ownership,
  type Removal,
  type RuleOperation,
  type TableName,
} from '@signalbox/iptables';
import { type BackendError, type Drift, type Family, type Result, succeed } from '@signalbox/core';
import * as names from '../compile/names.ts';
import { ANY_NODE, compilePacketFilter } from '../compile/packet-filter.ts';
import type { ObsoleteRules, PacketFilter, PacketFilterPart } from '../objects/packet-filter.ts';

/** How the rules in the kernel differ from those of `packetFilter`. */
export async function packetFilterDrift(
  driver: IptablesDriver,
  packetFilter: PacketFilter,
): Promise<Result<readonly Drift[]>> {
  const compared = await compareRules(driver, packetFilter);
  return compared.ok ? succeed(ruleDrift(compared.value.operations, compared.value.listing)) : compared;
}

/** The same, as the chains that differ. */
export async function packetFilterDifference(
  driver: IptablesDriver,
  packetFilter: PacketFilter,
): Promise<Result<readonly ListedChain[]>> {
  const compared = await compareRules(driver, packetFilter);
  if (!compared.ok) return compared;
  return succeed(listOperations(compared.value.operations, compared.value.listing, driver.family));
}

/** Writes chains that differ and adds the jumps that are missing: each table in one transaction. */
export async function installPacketFilter(
  driver: IptablesDriver,
  packetFilter: PacketFilter,
  part: PacketFilterPart = 'all',
): Promise<BackendError | null> {
  const compared = await compareRules(driver, packetFilter, part);
  return compared.ok ? write(driver, compared.value.operations) : compared.error;
}

/** Removes what exists of `remains` in both variants of iptables, but for rules that another mode uses. */
export function removeObsoleteRules(
  driver: IptablesDriver,
  remains: ObsoleteRules,
  kept: KeptRules['rules'] | null = null,
): Promise<Result<readonly string[]>> {
  const own: Removal['own'] = (listed, keptHere) => {
    const isWhole = keptHere !== null || usesSets(listed);
    return ownershipOf(isWhole ? remains : withoutSharedNames(remains, listed), driver.family);
  };
  return removeRules(driver, { own, jumps: remains.jumps }, kept);
}

interface ComparedRules {
  readonly operations: readonly RuleOperation[];
  readonly listing: OwnedTables;
}

async function compareRules(
  driver: IptablesDriver,
  { chains, jumps, obsolete }: PacketFilter,
  part: PacketFilterPart = 'all',
): Promise<Result<ComparedRules>> {
  const saved = await listTables(driver, [...jumps, ...obsolete.jumps]);
  if (!saved.ok) return saved;
  const { family } = driver;
  const owned = { chains: [...chains, ...obsolete.chains], jumps: [...jumps, ...obsolete.jumps] };
  const listing = divideTables(saved.value, ownershipOf(owned, family));
  const operations = reconcileRules({ family, chains, jumps }, listing);
  const isHandOver = isServedByRules(saved.value);
  const due = operations.filter(({ kind, table }) => {
    if (part === 'guards' && isHandOver) return table === 'mangle';
    // An obsolete chain to which other rules jump is used by another program, unless these are the rules of iptables mode
    // that this packet filter replaces: their firewall would drop packets to load-balancer IPs before IPVS.
    return kind !== 'empty-chain' || isHandOver;
  });
  return succeed({ operations: due, listing });
}

/** KUBE-SERVICES of iptables mode, which translates addresses: packets to services do not reach IPVS. */
function isServedByRules(listed: ListedTables): boolean {
  const rules = listed.nat.chains.get(names.SERVICES) ?? [];
  return rules.length > 0 && !usesSets(listed);
}

/** What drops packets ahead of what leads them to IPVS. */
const WRITE_ORDER: readonly TableName[] = ['mangle', 'filter', 'nat'];

async function write(
  driver: IptablesDriver,
  operations: readonly RuleOperation[],
): Promise<BackendError | null> {
  if (operations.length === 0) return null;
  const inputs = restoreInputs(operations).toSorted(
    (a, b) => WRITE_ORDER.indexOf(a.table) - WRITE_ORDER.indexOf(b.table),
  );
  const written = await driver.restore(encodeRestore(inputs));
  return written.ok ? null : written.error;
}

/** Chains and jumps of these names. */
export function ownershipOf({ chains, jumps }: ObsoleteRules, family: Family): Ownership {
  const own = new Set(chains.map(({ table, name }) => `${table} ${name}`));
  const rules = new Set(
    jumps.map(({ table, chain, rule }) => `${table} ${chain} ${encodeRule(rule, family)}`),
  );
  return {
    isOwnChain: (table, name) => own.has(`${table} ${name}`),
    isOwnJump: (table, chain, text) => rules.has(`${table} ${chain} ${canonicalText(text, family)}`),
  };
}

/** Rules of this mode: the clean-up of another one leaves them in place while this one runs. */
export function ipvsRules(family: Family): Ownership {
  const { chains, jumps } = compilePacketFilter({ ...ANY_NODE, family });
  return ownershipOf({ chains, jumps }, family);
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
