/** Reads the kernel beside syncs, all at once or in pieces, and finds the first difference from what was written last. */
import type { Recording } from '@signalbox/backend-kit';
import type { BackendError, Result } from '@signalbox/core';
import {
  askForUnlisted,
  type HeldChain,
  type IptablesDriver,
  type ListedTables,
  missingJumps,
  PROBE,
  type SharedRule,
  type TableName,
  TABLES,
} from '@signalbox/iptables';
import { isOwnChain } from '../compile/names.ts';
import { createQuickCheck, type FoundChain, type HeldRules, type QuickCheck } from '../diff/quick-check.ts';
import { isPending, type RuleLedger } from '../diff/rule-ledger.ts';
import { guardedBy, ledgerOf, type State } from './backend-state.ts';

export type Finding =
  | { readonly kind: 'compared'; readonly drift: string | null }
  /** A full sync has read the kernel since, or the listing of all tables failed. */
  | { readonly kind: 'void' }
  | { readonly kind: 'failed'; readonly error: BackendError };

interface Work {
  readonly driver: IptablesDriver;
  readonly state: State;
}

const VOID: Finding = { kind: 'void' };
const SAME: Finding = { kind: 'compared', drift: null };

export async function findAltered(
  { driver, state }: Work,
  ledger: RuleLedger,
  timeLimit: number,
): Promise<{ readonly saved: Result<null>; readonly finding: Finding }> {
  const recorded = recordChanges(ledger, TABLES);
  // The trial chain of a search for refused rules is temporary.
  const check = createQuickCheck(
    ledger,
    driver.family,
    (table, name) => name !== PROBE && isOwnChain(table, name),
  );
  const saved = await driver.save(check.take, timeLimit);
  await endOfSync(state, recorded);
  if (!saved.ok || ledgerOf(state) !== ledger) return { saved, finding: VOID };
  const chain = firstDifference(check, ledger, recorded);
  if (chain !== null) return { saved, finding: { kind: 'compared', drift: chain } };
  return { saved, finding: await missingJump(driver, state.compiler?.shared() ?? [], check.unowned) };
}

/** Records which chains are written from the call on. */
type Recordings = ReadonlyMap<TableName, Recording>;

function recordChanges(ledger: RuleLedger, tables: readonly TableName[]): Recordings {
  return new Map(tables.map((table) => [table, ledger[table].record()]));
}

/** The writes of a running sync are recorded at its end. */
async function endOfSync(state: State, recorded: Recordings): Promise<void> {
  while (state.running !== null) await state.running.catch(() => undefined);
  for (const recording of recorded.values()) recording.stop();
}

function firstDifference(check: QuickCheck, ledger: RuleLedger, recorded: Recordings): string | null {
  const [chain] = check.differences(
    ({ table, name }) => recorded.get(table)?.has(name) === true || isPending(ledger[table], name),
  );
  return chain === undefined ? null : describeChain(chain);
}

/** A rule in a chain that is not owned. */
async function missingJump(
  driver: IptablesDriver,
  jumps: readonly SharedRule[],
  listed: ListedTables,
): Promise<Finding> {
  const others = await askForUnlisted(driver, listed, jumps);
  if (!others.ok) return { kind: 'failed', error: others.error };
  const { family } = driver;
  const [jump] = missingJumps({ jumps, family }, (table, name) => others.value[table].chains.get(name));
  return { kind: 'compared', drift: jump === undefined ? null : describeJump(jump) };
}

/** A listing of this number of chains completes within a tenth of a second, so that repeated commits do not prevent it. */
const CHAINS_PER_PIECE = 500;

/**
 * Compares the chains that the ledger holds, and the jumps to them. Chains that another process has added are not found: no
 * packet reaches them. `null`: this driver cannot list some chains.
 */
export async function findAlteredByPieces(work: Work, ledger: RuleLedger): Promise<Finding | null> {
  const tool = await work.driver.probe();
  if (work.driver.saveChains === undefined || !tool.ok || tool.value.variant !== 'nft') return null;
  for (const table of TABLES) {
    const names = [...ledger[table].held.keys()];
    for (let from = 0; from < names.length; from += CHAINS_PER_PIECE) {
      const piece = { table, names: names.slice(from, from + CHAINS_PER_PIECE) };
      const finding = await comparePiece(work, ledger, piece);
      if (finding !== SAME) return finding;
    }
  }
  return askForJumps(work, ledger);
}

const NOTHING_HELD: HeldRules = {
  filter: { held: new Map() },
  mangle: { held: new Map() },
  nat: { held: new Map() },
};

interface Piece {
  readonly table: TableName;
  readonly names: readonly string[];
}

async function comparePiece(
  { driver, state }: Work,
  ledger: RuleLedger,
  { table, names }: Piece,
): Promise<Finding> {
  const recorded = recordChanges(ledger, [table]);
  const held = new Map<string, HeldChain>();
  for (const name of names) {
    const chain = ledger[table].held.get(name);
    if (chain !== undefined) held.set(name, chain);
  }
  const check = createQuickCheck({ ...NOTHING_HELD, [table]: { held } }, driver.family, () => true);
  const saved = await driver.saveChains?.(table, [...held.keys()], check.take);
  await endOfSync(state, recorded);
  if (saved?.ok === false) return { kind: 'failed', error: saved.error };
  if (ledgerOf(state) !== ledger) return VOID;
  const drift = firstDifference(check, ledger, recorded);
  return drift === null ? SAME : { kind: 'compared', drift };
}

async function askForJumps({ driver, state }: Work, ledger: RuleLedger): Promise<Finding> {
  for (const jump of guardedBy(state)) {
    const found = await driver.hasRule(jump.table, jump.chain, jump.rule);
    if (!found.ok) return { kind: 'failed', error: found.error };
    if (ledgerOf(state) !== ledger) return VOID;
    if (!found.value) return { kind: 'compared', drift: describeJump(jump) };
  }
  return SAME;
}

function describeChain({ table, name }: FoundChain): string {
  return `chain ${name} of table ${table} was altered`;
}

function describeJump({ table, chain }: { readonly table: TableName; readonly chain: string }): string {
  return `a rule in ${chain} of table ${table} is gone`;
}
