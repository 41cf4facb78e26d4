/** How a command ended: the exit status, and lines for standard error. */
export interface Outcome {
  /** 2: only of commands whose help gives it a meaning. */
  readonly status: 0 | 1 | 2;
  readonly errors: readonly string[];
}

export const DONE: Outcome = { status: 0, errors: [] };

export function failed(...errors: readonly string[]): Outcome {
  return { status: 1, errors };
}
