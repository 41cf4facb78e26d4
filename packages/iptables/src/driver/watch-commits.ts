import type { BackendError, Clock } from '@signalbox/core';
import type { IptablesDriver } from './iptables-driver.ts';

/** The driver to query, and the functions to call. */
export interface CommitWatchOptions {
  /** Counts the commits. */
  readonly driver: Pick<IptablesDriver, 'probe' | 'otherCommits'>;
  /** Sets the times of the intervals. */
  readonly clock: Pick<Clock, 'schedule'>;
  /** Whether there is anything to guard now. */
  readonly isActive: () => boolean;
  /** Called at intervals, with the number of commits of other processes. */
  readonly onCommits: (total: number) => void;
  /** Called with the reason each time that commits cannot be counted. */
  readonly onProblem: (problem: BackendError) => void;
}

/** The kernel takes 4 µs for the query. */
const POLL_MS = 250;

/** Queries the commits of other processes until the returned function is called. The legacy variant has no such count. */
export function watchCommits({ driver, clock, isActive, ...options }: CommitWatchOptions): () => void {
  const watching = { over: false };
  let cancel = (): void => {};
  const ask = async (): Promise<'go-on' | 'end'> => {
    if (!isActive()) return 'go-on';
    const tool = await driver.probe();
    if (!tool.ok) return 'go-on';
    const commits = tool.value.variant === 'nft' ? await driver.otherCommits?.() : undefined;
    if (commits === undefined || watching.over) return 'end';
    if (commits.kind === 'counted') options.onCommits(commits.total);
    if (commits.kind === 'unavailable') options.onProblem(commits.error);
    return 'go-on';
  };
  const poll = async (): Promise<void> => {
    const next = await ask();
    if (next === 'go-on' && !watching.over) cancel = clock.schedule(POLL_MS, () => void poll());
  };
  void poll();
  return () => {
    watching.over = true;
    cancel();
  };
}
