import { type BackendError, type Clock, fail, type Family, type Result, succeed } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { splitArguments } from '../encode/quote.ts';
import type { RestoreInput } from '../encode/restore-input.ts';
import type { TableName } from '../objects/rule.ts';
import { type IptablesDriver, type ToolFacts, type Variant } from './iptables-driver.ts';
import {
  countCommits,
  createCommitReader,
  createOwnCommits,
  PROCESS_COMMITS,
  type OwnCommits,
} from './other-commits.ts';
import { feedTool, runTool, startTool, type ToolEnd, type ToolFeed } from './run-tool.ts';
import { proveAbsent, saveChains, saveTables, type Execute, type SaveWork } from './save-tables.ts';
import { endGroup } from './spawn-child.ts';
import { createStandby, type Standby } from './standby.ts';
import { isExit, queryError, restoreError } from './tool-errors.ts';
import { createNotices, slowCommand, type Notices, type OnToolNotice } from './tool-notices.ts';
import { describeTool, detectTool, programs, type Tool } from './variant.ts';

/** Which programs of iptables run, and their time limits. */
export interface ExecDriverOptions {
  /** IPv4: `iptables`; IPv6: `ip6tables`. */
  readonly family: Family;
  /** Precedes every command: `['ip', 'netns', 'exec', 'x']`. */
  readonly commandPrefix?: readonly string[];
  /** Default `detect`: the variant that the node already uses. */
  readonly variant?: Variant | 'detect';
  /** Seconds to wait for the xtables lock. Default 5. */
  readonly lockWait?: number;
  /** Milliseconds that a command may take. Default 120,000: the legacy variant moves whole tables. */
  readonly timeLimit?: number;
  /** Called with conditions that the operator should know although no call fails; once for each. */
  readonly onNotice?: OnToolNotice;
  /** By default that of the process. */
  readonly clock?: Clock;
}

/** Runs the node's iptables, one process per call: only the exit of `iptables-restore` shows that it is done. */
export function createExecDriver(options: ExecDriverOptions): IptablesDriver {
  const { family, commandPrefix = [], lockWait = 5 } = options;
  const wait = ['-w', String(lockWait)];
  // A prefix may lead to another network namespace.
  const isHere = commandPrefix.length === 0;
  const own = isHere ? PROCESS_COMMITS : createOwnCommits();
  const { execute, executeReady, find, withTool, close } = createToolAccess(options, own);
  const notices = createNotices(family, options.onNotice);
  const commits = createCommitReader(own);
  const question = (table: TableName, words: readonly string[]) =>
    withTool((tool) => ask(execute, [tool.programs.main, ...wait, '-t', table, ...words]));

  return {
    family,
    probe: () => withTool<ToolFacts>(async ({ facts }) => succeed(facts)),
    save: (onLine, timeLimit, counters) =>
      withTool((tool) => saveProven({ execute, wait, onLine, timeLimit, counters }, tool, notices)),
    restore: (input) => withTool((tool) => restoreTables({ execute, executeReady, wait }, tool, input)),
    saveChains: (table, chains, onLine) =>
      withTool(async (tool) => {
        const work = { execute, programs: tool.programs, wait, onLine };
        const error = await saveChains(work, table, chains);
        return error === null ? succeed(null) : fail(error);
      }),
    hasChain: (table, chain) => question(table, ['-S', chain]),
    hasRule: (table, chain, rule) => question(table, ['-C', chain, ...(splitArguments(rule) ?? [])]),
    async otherVariant() {
      const found = await find();
      const other: Variant = found.ok && found.value.facts.variant === 'nft' ? 'legacy' : 'nft';
      const described = await describeTool(execute, programs(family, other));
      return described.ok ? createExecDriver({ ...options, variant: other }) : null;
    },
    ...(isHere ? { otherCommits: commits.read } : {}),
    async close() {
      close();
      commits.close();
    },
  };
}

async function saveProven(
  parts: Omit<SaveWork, 'programs'>,
  { programs: names, facts: { variant } }: Tool,
  notices: Notices,
): Promise<Result<null>> {
  const work = { ...parts, programs: names };
  const saved = await saveTables(work);
  if (!saved.ok) return saved;
  notices.incompatible(saved.value.incompatible);
  const error = variant === 'nft' ? await proveAbsent(work, saved.value.absent) : null;
  return error === null ? succeed(null) : fail(error);
}

/** A command that runs longer is reported to `onNotice`. */
const SLOW_AFTER_MS = 10_000;

function createLimits(
  { clock = systemClock, timeLimit = 120_000, onNotice }: ExecDriverOptions,
  running: Set<number>,
): (command: readonly string[]) => Omit<ToolFeed, 'input'> {
  return (command) => ({
    clock,
    timeLimit,
    slowAfter: SLOW_AFTER_MS,
    onSlow: () => onNotice?.(slowCommand(command, SLOW_AFTER_MS)),
    running,
  });
}

function createToolAccess(options: ExecDriverOptions, own: OwnCommits) {
  const { family, commandPrefix = [], variant = 'detect' } = options;
  const running = new Set<number>();
  const limitsOf = createLimits(options, running);
  const execute: Execute = (words, streams = {}) => {
    const command = [...commandPrefix, ...words];
    return runTool({ command, ...limitsOf(command), ...streams });
  };
  let standby: Standby | null = null;
  const executeReady = (words: readonly string[], input: RestoreInput): Promise<ReadyEnd> => {
    const command = [...commandPrefix, ...words];
    const ready = (standby ??= createStandby(() => startTool(command)));
    return countCommits(own, input, async (counted) => {
      const waited = ready.isReady();
      const ending = feedTool(ready.take(), { ...limitsOf(command), input: counted });
      ready.prepare();
      const end = await ending;
      // A process started in advance during a failure may fail for the same reason, long after the cause is gone.
      if (!isSuccess(end)) ready.close();
      return { isDone: isSuccess(end), value: { end, waited } };
    });
  };
  const close = (): void => {
    standby?.close();
    for (const pid of running) endGroup(pid, options.clock);
  };
  const find = rememberSuccess(() =>
    variant === 'detect' ? detectTool(execute, family) : describeTool(execute, programs(family, variant)),
  );
  const withTool = async <T>(use: (tool: Tool) => Promise<Result<T>>): Promise<Result<T>> => {
    const found = await find();
    return found.ok ? use(found.value) : found;
  };
  return { execute, executeReady, find, withTool, close };
}

interface Restoring {
  readonly execute: Execute;
  readonly executeReady: (words: readonly string[], input: RestoreInput) => Promise<ReadyEnd>;
  readonly wait: readonly string[];
}

async function restoreTables(
  { execute, executeReady, wait }: Restoring,
  { facts, programs: { restore }, restoreWaits }: Tool,
  input: RestoreInput,
): Promise<Result<null>> {
  const command = [restore, ...(restoreWaits ? wait : []), '--noflush'];
  // A waiting process does not hold the lock in legacy either, but there the time matters less, and more versions are in use.
  if (facts.variant !== 'nft') return restored(restore, await execute(command, { input }), input);
  const { end, waited } = await executeReady(command, input);
  const result = restored(restore, end, input);
  // A process started in advance may be of a tool that has been replaced since.
  if (result.ok || !waited || !isWorthAnother(result.error)) return result;
  return restored(restore, (await executeReady(command, input)).end, input);
}

interface ReadyEnd {
  readonly end: ToolEnd;
  /** The process was started in advance. */
  readonly waited: boolean;
}

function restored(program: string, end: ToolEnd, input: RestoreInput): Result<null> {
  return isSuccess(end) ? succeed(null) : fail(restoreError(program, end, input));
}

function isWorthAnother({ code, kernel }: BackendError): boolean {
  return kernel === 'unchanged' && code !== 'busy' && code !== 'timeout';
}

function isSuccess(end: ToolEnd): boolean {
  return isExit(end) && end.status === 0;
}

/** Queries once; queries again only if that failed. */
function rememberSuccess<T>(find: () => Promise<Result<T>>): () => Promise<Result<T>> {
  let asked: Promise<Result<T>> | null = null;
  return async () => {
    asked ??= find();
    const found = await asked;
    if (!found.ok) asked = null;
    return found;
  };
}

/** A query by exit status. 1: no such chain or rule; 2: the rule jumps to a chain that does not exist. */
async function ask(execute: Execute, command: readonly string[]): Promise<Result<boolean>> {
  const end = await execute(command);
  if (isExit(end) && end.status <= 2) return succeed(end.status === 0);
  return fail(queryError(command[0] ?? '', end));
}
