/**
 * Detects changes by other processes to owned rules: in the nft variant by the number of their commits, in both variants by
 * checking at intervals for a chain and a jump that must exist.
 */
import type { BackendError, Clock } from '@signalbox/core';
import type { TableName } from '../objects/rule.ts';
import type { IptablesDriver } from './iptables-driver.ts';
import { watchCommits } from './watch-commits.ts';

/** An owned rule in a chain that is not owned. */
export interface Guarded {
  readonly table: TableName;
  readonly chain: string;
  /** Canonical text, without `-A CHAIN `. */
  readonly rule: string;
}

/** The driver to query, what must exist, and the functions to call. */
export interface DriftWatchOptions {
  /** Reads the rules. */
  readonly driver: IptablesDriver;
  /** Sets the times of the checks. */
  readonly clock: Pick<Clock, 'schedule'>;
  /** Milliseconds between two checks. */
  readonly interval: () => number;
  /** `off`: there is nothing to guard, or it is known to be altered. `writing`: a sync may be about to write what is missing. */
  readonly phase: () => 'off' | 'writing' | 'idle';
  /** An owned chain of table mangle; its absence shows that another process has removed owned chains. */
  readonly canary: string;
  /** The jumps to owned chains. */
  readonly guarded: () => readonly Guarded[];
  /** Called with the chain or jump that is missing, in words, after each check in phase `idle` that finds one missing. */
  readonly onDrift: (what: string) => void;
  /** Called at intervals, with the number of commits of other processes. */
  readonly onCommits: (total: number) => void;
  /** Called with the reason each time that commits cannot be counted. */
  readonly onProblem: (problem: BackendError) => void;
}

/**
 * Starts the checks and the count of commits; the returned function stops them. A check that fails counts as one that finds
 * nothing missing.
 */
export function createDriftWatch(options: DriftWatchOptions): () => void {
  const { driver, clock, interval, phase } = options;
  const guarding = { over: false };
  let cancel = (): void => {};

  const lookNowAndThen = async (): Promise<void> => {
    const missing = phase() === 'idle' ? await firstMissing(driver, options) : null;
    if (missing !== null && !guarding.over && phase() === 'idle') options.onDrift(missing);
    if (!guarding.over) cancel = clock.schedule(interval(), () => void lookNowAndThen());
  };
  const stopPolling = watchCommits({ ...options, isActive: () => phase() !== 'off' });
  cancel = clock.schedule(interval(), () => void lookNowAndThen());
  return () => {
    guarding.over = true;
    cancel();
    stopPolling();
  };
}

/**
 * The chain or jump that a quick check finds missing, in words; `null` if none, or if that cannot be determined. The canary
 * of mangle is the least expensive query; the first jump stands for the tables that services need.
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
