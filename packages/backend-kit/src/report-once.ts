import { type BackendError, formatBackendError } from '@signalbox/core';

/** Passes a problem on that was not passed on before, in the same words. */
export function reportOnce(onProblem: (problem: BackendError) => void): (problem: BackendError) => void {
  const reported = new Set<string>();
  return (problem) => {
    const text = formatBackendError(problem);
    if (!reported.has(text)) onProblem(problem);
    reported.add(text);
  };
}
