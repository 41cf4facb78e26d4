import { isServingTerminating, type Candidate } from './candidate.ts';

/** S6, S7: what is ready, or if that is nothing, what still serves while it terminates. */
export function orServingTerminating(
  ready: readonly Candidate[],
  all: readonly Candidate[],
): readonly Candidate[] {
  return ready.length > 0 ? ready : all.filter(isServingTerminating);
}
