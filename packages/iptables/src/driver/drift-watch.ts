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
  readonly rule: string;
}

export interface DriftWatchOptions {
  readonly driver: IptablesDriver;
  readonly clock: Pick<Clock, 'schedule'>;
  /** Milliseconds between two checks. */
  readonly interval: () => number;
  /** `off`: there is nothing to guard, or it is known to be altered. `writing`: a sync may be about to write what is missing. */
  readonly phase: () => 'off' | 'writing' | 'idle';
  readonly canary: string;
  /** The jumps to owned chains. */
  readonly guarded: () => readonly Guarded[];
  readonly onDrift: (what: string) => void;
  /** Called at intervals, with the number of commits of other processes. */
  readonly onCommits: (total: number) => void;
  /** Called with the reason each time that commits cannot be counted. */
  readonly onProblem: (problem: BackendError) => void;
}

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
