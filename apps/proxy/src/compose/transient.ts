/** What fails now and need not fail the next time, while there is no sync loop yet that tries again. */
import { pause, type BackendErrorCode, type Clock } from '@signalbox/core';

export interface Problem {
  readonly code: BackendErrorCode;
  readonly message: string;
}

const PASSING: ReadonlySet<BackendErrorCode> = new Set(['busy', 'timeout', 'unavailable']);

/**
 * A lock that is held, a tool that was killed or took too long. Not a tool that is not installed, nor a kernel without
 * nf_tables, which iptables reports with the status that it has for the lock.
 */
export function isTransient({ code, message }: Problem): boolean {
  return PASSING.has(code) && !/\bENOENT\b|invalid argument|not supported/i.test(message);
}

export interface Patience<T, P extends Problem> {
  readonly clock: Clock;
  /** From the first answer until it is given up. */
  readonly milliseconds: number;
  /** What is wrong with an answer; `null`: nothing. */
  readonly problem: (answer: T) => P | null;
  /** It is asked again in `waitMs`. */
  readonly onRetry: (problem: P, waitMs: number) => void;
}

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 8000;

/** Asks until the answer is good, or bad for good, or time is up; the last answer counts. */
export async function retryWhileTransient<T, P extends Problem>(
  ask: () => Promise<T>,
  patience: Patience<T, P>,
): Promise<T> {
  const { clock, milliseconds, problem, onRetry } = patience;
  let until = Number.POSITIVE_INFINITY;
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    const answer = await ask();
    const found = problem(answer);
    until = Math.min(until, clock.now() + milliseconds);
    if (found === null || !isTransient(found) || clock.now() + wait > until) return answer;
    onRetry(found, wait);
    await pause(clock, wait);
  }
}
