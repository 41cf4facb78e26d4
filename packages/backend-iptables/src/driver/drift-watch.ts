/**
 * Notices that somebody else removed our rules: at once where the kernel tells (nft variant, with `nft`
 * installed), else by looking now and then for chains and jumps that must be there (IPT14).
 */
import type { TableName } from '../objects/rule.ts';
import type { IptablesDriver, Removal } from './iptables-driver.ts';

/** The part of a clock that waiting needs. */
export interface Timer {
  /** Runs `callback` once, so many milliseconds from now, unless the answer is called before. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export const SYSTEM_TIMER: Timer = {
  schedule(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    handle.unref();
    return () => clearTimeout(handle);
  },
};

/** A rule of ours in a chain that is not ours. */
export interface Guarded {
  readonly table: TableName;
  readonly chain: string;
  readonly rule: string;
}

export interface DriftWatchOptions {
  readonly driver: IptablesDriver;
  readonly timer: Timer;
  /** Milliseconds between two looks. */
  readonly interval: number;
  /**
   * `off`: there is nothing to guard, or it is known to be altered. `writing`: a sync of ours is under way; what
   * others remove meanwhile counts, but what is missing may be on its way.
   */
  readonly phase: () => 'off' | 'writing' | 'idle';
  readonly isOwn: (table: string, chain: string) => boolean;
  readonly canary: string;
  /** What each look checks, and what is checked when a rule goes from one of these chains. */
  readonly guarded: () => readonly Guarded[];
  readonly onDrift: (what: string) => void;
}

/** Pauses before the monitor is started anew; after the last one, looking now and then has to do. */
const RESTARTS_MS: readonly number[] = [1_000, 5_000, 30_000, 120_000];

export function createDriftWatch(options: DriftWatchOptions): () => void {
  const { driver, timer, interval, phase } = options;
  let stopped = false;
  let cancelLook = (): void => {};
  let cancelRestart = (): void => {};
  let stopMonitor: (() => void) | null = null;

  const look = async (): Promise<void> => {
    const missing = phase() === 'idle' ? await firstMissing(driver, options) : null;
    if (missing !== null && !stopped && phase() === 'idle') options.onDrift(missing);
    if (!stopped) cancelLook = timer.schedule(interval, () => void look());
  };
  const onRemovals = async (removals: readonly Removal[]): Promise<void> => {
    const what = phase() === 'off' ? null : await ourLoss(removals, options);
    if (what !== null && !stopped) options.onDrift(what);
  };
  const startMonitor = (attempt: number): void => {
    if (stopped) return;
    stopMonitor =
      driver.monitor?.({
        onRemovals: (removals) => void onRemovals(removals),
        onLost() {
          const pause = RESTARTS_MS[attempt];
          if (pause !== undefined) cancelRestart = timer.schedule(pause, () => startMonitor(attempt + 1));
        },
      }) ?? null;
  };
  const begin = async (): Promise<void> => {
    const tool = await driver.probe();
    if (tool.ok && tool.value.variant === 'nft') startMonitor(0);
  };
  void begin();
  cancelLook = timer.schedule(interval, () => void look());
  return () => {
    stopped = true;
    cancelLook();
    cancelRestart();
    stopMonitor?.();
  };
}

/**
 * What a quick look finds missing, in words; `null` if nothing, or if it cannot be told. The canary of mangle is
 * the cheapest to ask for; the first jump stands for the tables that matter.
 */
export async function firstMissing(
  driver: IptablesDriver,
  { canary, guarded }: Pick<DriftWatchOptions, 'canary' | 'guarded'>,
): Promise<string | null> {
  const alive = await driver.hasChain('mangle', canary);
  if (alive.ok && !alive.value) return `chain ${canary} of table mangle is gone`;
  const jump = guarded().find(({ table, chain }) => table === 'nat' && chain === 'PREROUTING');
  return jump === undefined ? null : missingRule(driver, jump);
}

async function missingRule(driver: IptablesDriver, { table, chain, rule }: Guarded): Promise<string | null> {
  const found = await driver.hasRule(table, chain, rule);
  return found.ok && !found.value ? `a rule in ${chain} of table ${table} is gone` : null;
}

/** What of ours is among the removals; `null` if nothing. */
async function ourLoss(
  removals: readonly Removal[],
  { driver, isOwn, guarded }: DriftWatchOptions,
): Promise<string | null> {
  for (const { table, chain } of removals) {
    if (chain === null) {
      if (table === 'nat' || table === 'filter') return `table ${table} was removed`;
      continue;
    }
    if (isOwn(table, chain)) return `chain ${chain} of table ${table} was changed`;
    for (const each of guarded()) {
      if (each.table !== table || each.chain !== chain) continue;
      const missing = await missingRule(driver, each);
      if (missing !== null) return missing;
    }
  }
  return null;
}
