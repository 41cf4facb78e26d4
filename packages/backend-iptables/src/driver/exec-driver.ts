import type { Family } from '@signalbox/core';
import { splitArguments } from '../encode/quote.ts';
import { checkSaveLines } from '../encode/parse-save.ts';
import type { RestoreInput } from '../encode/restore-input.ts';
import type { TableName } from '../objects/rule.ts';
import {
  failure,
  success,
  type DriverResult,
  type IptablesDriver,
  type ToolFacts,
  type Variant,
} from './iptables-driver.ts';
import { createOwnProcesses, isRestoreProgram, pidScope, type OwnProcesses } from './own-processes.ts';
import { feedTool, runTool, startTool, type ToolEnd, type ToolRun } from './run-tool.ts';
import { createStandby, type Standby } from './standby.ts';
import { garbageError, isExit, queryError, restoreError } from './tool-errors.ts';
import { describeTool, detectTool, programs, type Tool } from './variant.ts';
import { createXtablesMonitor } from './xtables-monitor.ts';

export interface ExecDriverOptions {
  readonly family: Family;
  /** Put in front of every command: `['ip', 'netns', 'exec', 'x']`. */
  readonly commandPrefix?: readonly string[];
  /** Default `detect`: the variant that the node uses already. */
  readonly variant?: Variant | 'detect';
  /** Seconds to wait for the xtables lock. Default 5. */
  readonly lockWait?: number;
  /** Milliseconds that a command may take. Default 120,000: the legacy variant moves whole tables. */
  readonly timeLimit?: number;
}

/** Runs the node's iptables, one process a call: `iptables-restore` tells by its end alone that it is done. */
export function createExecDriver(options: ExecDriverOptions): IptablesDriver {
  const { family, commandPrefix = [], lockWait = 5 } = options;
  const wait = ['-w', String(lockWait)];
  const own = createOwnProcesses({
    pids: pidScope(),
    writes: isRestoreProgram,
    now: () => performance.now(),
  });
  const { execute, executeReady, find, withTool, close } = createToolAccess(options, own);
  const question = (table: TableName, words: readonly string[]) =>
    withTool((tool) => ask(execute, [tool.programs.main, ...wait, '-t', table, ...words]));

  return {
    family,
    probe: () => withTool<ToolFacts>(async ({ facts }) => success(facts)),
    save: (onLine) => withTool((tool) => runSave(execute, tool.programs.save, onLine)),
    restore: (input) =>
      withTool(async ({ facts, programs: { restore }, restoreWaits }) => {
        const command = [restore, ...(restoreWaits ? wait : []), '--noflush'];
        // What waits does not hold the lock in legacy either, but there it matters less, and more versions are about.
        const end = await (facts.variant === 'nft'
          ? executeReady(command, input)
          : execute(command, { input }));
        return isExit(end) && end.status === 0 ? success(null) : failure(restoreError(restore, end, input));
      }),
    hasChain: (table, chain) => question(table, ['-S', chain]),
    hasRule: (table, chain, rule) => question(table, ['-C', chain, ...(splitArguments(rule) ?? [])]),
    async otherVariant() {
      const found = await find();
      const other: Variant = found.ok && found.value.facts.variant === 'nft' ? 'legacy' : 'nft';
      const described = await describeTool(execute, programs(family, other));
      return described.ok ? createExecDriver({ ...options, variant: other }) : null;
    },
    monitor: (handlers) => createXtablesMonitor({ family, commandPrefix, isOwn: own.isOwn, handlers }),
    close: async () => close(),
  };
}

function createToolAccess(options: ExecDriverOptions, own: OwnProcesses) {
  const { family, commandPrefix = [], variant = 'detect', timeLimit = 120_000 } = options;
  const limits = { timeLimit, onStart: own.started, onEnd: own.ended };
  const execute: Execute = (command, streams = {}) =>
    runTool({ command: [...commandPrefix, ...command], ...limits, ...streams });
  let standby: Standby | null = null;
  const executeReady = (command: readonly string[], input: RestoreInput): Promise<ToolEnd> => {
    standby ??= createStandby(() => startTool([...commandPrefix, ...command]));
    const end = feedTool(standby.take(), { ...limits, input });
    standby.prepare();
    return end;
  };
  const find = rememberSuccess(() =>
    variant === 'detect' ? detectTool(execute, family) : describeTool(execute, programs(family, variant)),
  );
  const withTool = async <T>(use: (tool: Tool) => Promise<DriverResult<T>>): Promise<DriverResult<T>> => {
    const found = await find();
    return found.ok ? use(found.value) : found;
  };
  return { execute, executeReady, find, withTool, close: () => standby?.close() };
}

type Execute = (command: readonly string[], streams?: Pick<ToolRun, 'input' | 'onLine'>) => Promise<ToolEnd>;

/** Asks once; asks again only if that failed. */
function rememberSuccess<T>(find: () => Promise<DriverResult<T>>): () => Promise<DriverResult<T>> {
  let asked: Promise<DriverResult<T>> | null = null;
  return async () => {
    asked ??= find();
    const found = await asked;
    if (!found.ok) asked = null;
    return found;
  };
}

/** A question by exit status. 1: no such chain or rule; 2: the rule jumps to a chain that does not exist. */
async function ask(execute: Execute, command: readonly string[]): Promise<DriverResult<boolean>> {
  const end = await execute(command);
  if (isExit(end) && end.status <= 2) return success(end.status === 0);
  return failure(queryError(command[0] ?? '', end));
}

async function runSave(
  execute: Execute,
  save: string,
  onLine: (line: string) => void,
): Promise<DriverResult<null>> {
  const check = checkSaveLines();
  const take = (line: string): void => {
    check.take(line);
    onLine(line);
  };
  const end = await execute([save], { onLine: take });
  if (!isExit(end) || end.status !== 0) return failure(queryError(save, end));
  const problem = check.problem();
  return problem === null ? success(null) : failure(garbageError(save, problem));
}
