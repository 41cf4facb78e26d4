import { fail, succeed, type Clock, type Result } from '@signalbox/core';
import { describeFailure } from './describe-failure.ts';

export interface Deadline {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly deadline: number;
  /** What is waited for; starts the line of the error. */
  readonly what: string;
}

/** What comes of it, or why nothing did. What has no answer by then goes on, and its end is ignored. */
export function withinDeadline<T>(
  pending: Promise<T>,
  { clock, deadline, what }: Deadline,
): Promise<Result<T, string>> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(deadline, () =>
      resolve(fail(`${what}: no answer within ${deadline / 1000} s`)),
    );
    const settle = (result: Result<T, string>): void => {
      cancel();
      resolve(result);
    };
    pending.then(
      (value) => settle(succeed(value)),
      (error: unknown) => settle(fail(`${what}: ${describeFailure(error)}`)),
    );
  });
}
