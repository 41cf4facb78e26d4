/**
 * Notices that somebody else removed our rules: at once where the kernel tells (nft variant), else by looking now and then for chains and jumps that must be there (IPT14).
 */
import type { TableName } from '../objects/rule.ts';
import type { IptablesDriver, MonitorLoss, Removal } from './iptables-driver.ts';

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
  /** Milliseconds from one look to the next. */
  readonly interval: () => number;
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

/** Pauses before the monitor is started anew; the last one is for good, where it keeps ending. */
const RESTARTS_MS: readonly number[] = [1_000, 5_000, 30_000, 120_000];

/** One that has run so long is not what the next end is blamed on. */
const SETTLED_MS = 60_000;

const BEGIN_MS = 500;

/** Until then the burst is over, or the next one gets the same answer. */
const OVERRUN_MS = 100;

export function createDriftWatch(options: DriftWatchOptions): () => void {
  const { driver, timer, interval, phase } = options;
  const guarding = { over: false };
  let cancel = (): void => {};

  const look = async (find: typeof anyMissing): Promise<void> => {
    const missing = phase() === 'idle' ? await find(driver, options) : null;
    if (missing !== null && !guarding.over && phase() === 'idle') options.onDrift(missing);
  };
  const lookNowAndThen = async (): Promise<void> => {
    await look(firstMissing);
    if (!guarding.over) cancel = timer.schedule(interval(), () => void lookNowAndThen());
  };
  const stopListening = listen(options, guarding, () => look(anyMissing));
  cancel = timer.schedule(interval(), () => void lookNowAndThen());
  return () => {
    guarding.over = true;
    cancel();
    stopListening();
  };
}

/** Keeps a monitor running, where there is one. `look`: what happened while there was none nobody tells. */
function listen(
  options: DriftWatchOptions,
  guarding: { readonly over: boolean },
  look: () => Promise<void>,
): () => void {
  const { driver, timer, phase } = options;
  let cancel = (): void => {};
  let stopMonitor: (() => void) | null = null;

  const onRemovals = async (removals: readonly Removal[]): Promise<void> => {
    const what = phase() === 'off' ? null : await ourLoss(removals, options);
    if (what !== null && !guarding.over) options.onDrift(what);
  };
  let ends = 0;
  const start = (): void => {
    const onLost = (_reason: string, loss: MonitorLoss): void => {
      cancel();
      if (guarding.over) return;
      const pause = loss === 'overrun' ? OVERRUN_MS : (RESTARTS_MS[ends++] ?? RESTARTS_MS.at(-1) ?? 0);
      cancel = timer.schedule(pause, () => {
        start();
        void look();
      });
    };
    cancel = timer.schedule(SETTLED_MS, () => {
      ends = 0;
    });
    stopMonitor = driver.monitor?.({ onRemovals: (removals) => void onRemovals(removals), onLost }) ?? null;
  };
  // Not before there is something to guard: to print a whole first sync costs as much as to write it.
  const begin = async (): Promise<void> => {
    const tool = phase() === 'idle' ? await driver.probe() : null;
    if (guarding.over) return;
    if (tool?.ok !== true) cancel = timer.schedule(BEGIN_MS, () => void begin());
    else if (tool.value.variant === 'nft') start();
  };
  void begin();
  return () => {
    cancel();
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

/** The same, where there is reason to look twice: every jump counts. */
async function anyMissing(driver: IptablesDriver, options: DriftWatchOptions): Promise<string | null> {
  const first = await firstMissing(driver, options);
  if (first !== null) return first;
  for (const each of options.guarded()) {
    const missing = await missingRule(driver, each);
    if (missing !== null) return missing;
  }
  return null;
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
