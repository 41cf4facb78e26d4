/**
 * Lists all tables, with proof that nothing is omitted.
 *
 * Where a table of the nft variant contains a rule that iptables cannot express (`ct state vmap {…}`, `snat to …`),
 * `iptables-nft-save` prints a remark instead of the table and exits with status 0. Such a table is listed chain by chain;
 * `-N`, `-C`, `-I`, `-D` and `iptables-restore --noflush` work in it (seen with 1.8.9).
 */
import { backendError, type BackendError, fail, type Result, succeed } from '@signalbox/core';
import { checkSaveLines, UNLISTED_RULE } from '../encode/parse-save.ts';
import { CANARY } from '../objects/marker-chains.ts';
import { BUILTIN_CHAINS, TABLES, type TableName } from '../objects/rule.ts';
import type { ToolEnd, ToolRun } from './run-tool.ts';
import { garbageError, isExit, queryError } from './tool-errors.ts';

/** Names of the programs, by purpose. */
export interface Programs {
  readonly main: string;
  readonly save: string;
  readonly restore: string;
}

export type Execute = (
  command: readonly string[],
  streams?: Pick<ToolRun, 'input' | 'onLine'> & Partial<Pick<ToolRun, 'timeLimit'>>,
) => Promise<ToolEnd>;

export interface SaveWork {
  readonly execute: Execute;
  readonly programs: Programs;
  /** Seconds to wait for the lock, as words of the command. */
  readonly wait: readonly string[];
  readonly onLine: (line: string) => void;
  /** Milliseconds for the listing of all tables. Absent: the limit of any command. */
  readonly timeLimit?: number | undefined;
  readonly counters?: 'counters' | undefined;
}

/** Tables that `save` had to list chain by chain. */
export interface Saved {
  readonly incompatible: readonly TableName[];
  /** Tables for which neither a listing nor a remark was printed. */
  readonly absent: readonly TableName[];
}

export async function saveTables(work: SaveWork): Promise<Result<Saved>> {
  const { execute, programs, onLine, timeLimit, counters } = work;
  const check = checkSaveLines();
  const take = (line: string): void => {
    check.take(line);
    onLine(line);
  };
  const words = counters === undefined ? [] : ['-c'];
  const end = await execute([programs.save, ...words], {
    onLine: take,
    ...(timeLimit === undefined ? {} : { timeLimit }),
  });
  if (!isExit(end) || end.status !== 0) return fail(queryError(programs.save, end));
  const problem = check.problem();
  if (problem !== null) return fail(garbageError(programs.save, problem));
  const incompatible = TABLES.filter((table) => check.incompatible.has(table));
  for (const table of incompatible) {
    const error = await listByChain(work, table);
    if (error !== null) return fail(error);
  }
  const absent = TABLES.filter((table) => !check.listed.has(table) && !incompatible.includes(table));
  return succeed({ incompatible, absent });
}

/**
 * Verifies that a table which was not listed holds no rules of Services: each table with such rules contains this chain. Only
 * for the nft variant: a query of a table makes the legacy variant create it.
 */
export async function proveAbsent(
  { execute, programs, wait }: Omit<SaveWork, 'onLine'>,
  tables: readonly TableName[],
): Promise<BackendError | null> {
  for (const table of tables) {
    const end = await execute([programs.main, ...wait, '-t', table, '-S', CANARY]);
    if (!isExit(end) || end.status > 2) return queryError(programs.main, end);
    if (end.status === 0) {
      return garbageError(programs.save, `it did not list table ${table}, which contains chain ${CANARY}`);
    }
  }
  return null;
}

async function listByChain(work: SaveWork, table: TableName): Promise<BackendError | null> {
  const names = await chainNames(work, table);
  return names.ok ? saveChains(work, table, names.value) : names.error;
}

/** Lists these chains as `save` does. One that does not exist has `UNLISTED_RULE` for its rules, too. */
export async function saveChains(
  work: SaveWork,
  table: TableName,
  chains: readonly string[],
): Promise<BackendError | null> {
  work.onLine(`*${table}`);
  for (let rest = chains; rest.length > 0;) {
    const listed = await listChains(work, table, rest);
    if (!listed.ok) return listed.error;
    rest = listed.value;
  }
  work.onLine('COMMIT');
  return null;
}

/** No chain has this name. */
const NO_CHAIN = 'KUBE-PROXY-NO-CHAIN';

/**
 * `-Z -v` prints the name of each chain; the line after it fails, and with it the transaction: no counter is reset. No other
 * command of the tool prints the names of the chains of such a table.
 */
async function chainNames(
  { execute, programs, wait }: SaveWork,
  table: TableName,
): Promise<Result<readonly string[]>> {
  const command = [programs.restore, ...wait, '--noflush'];
  const names: string[] = [];
  const onLine = (line: string): void => {
    const name = /^Zeroing chain `(.+)'$/.exec(line)?.[1];
    if (name !== undefined) names.push(name);
  };
  const end = await execute(command, { input: `*${table}\n-Z -v\n-S ${NO_CHAIN}\nCOMMIT\n`, onLine });
  const isProof = isExit(end) && end.status === 1 && end.stderr.includes(NO_CHAIN);
  if (isProof) return succeed(names);
  const message = `table ${table} contains rules made with nft, and its chains cannot be listed`;
  return fail(
    isExit(end)
      ? backendError('unsupported', programs.save, message, {
          kernel: 'unchanged',
          detail: end.stderr.trim(),
        })
      : queryError(programs.restore, end),
  );
}

/** Lists chains up to the first with a rule that iptables cannot express; the rest is still to be listed. */
async function listChains(
  { execute, programs, wait, onLine }: SaveWork,
  table: TableName,
  chains: readonly string[],
): Promise<Result<readonly string[]>> {
  const input = [`*${table}`, ...chains.map((name) => `-S ${name}`), 'COMMIT', ''].join('\n');
  let headers = 0;
  const take = (line: string): void => {
    const header = /^-[NP] (\S+)(?: (\S+))?$/.exec(line);
    if (header === null) return onLine(line);
    headers++;
    return onLine(`:${header[1]} ${header[2] ?? '-'} [0:0]`);
  };
  const end = await execute([programs.restore, ...wait, '--noflush'], { input, onLine: take });
  if (!isExit(end)) return fail(queryError(programs.restore, end));
  if (end.status === 0 && headers === chains.length) return succeed([]);
  const culprit = /chain `([^']+)' in table/.exec(end.stderr)?.[1];
  if (culprit === undefined || culprit !== chains[headers]) return fail(queryError(programs.restore, end));
  onLine(`:${culprit} ${BUILTIN_CHAINS[table].includes(culprit) ? 'ACCEPT' : '-'} [0:0]`);
  onLine(`-A ${culprit} ${UNLISTED_RULE}`);
  return succeed(chains.slice(headers + 1));
}
