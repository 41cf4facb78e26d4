import { isServingTerminating, type Candidate } from './candidate.ts';

/** S6, S7: the ready endpoints or, if there are none, those that still serve while they terminate. */
export function orServingTerminating(
  ready: readonly Candidate[],
  all: readonly Candidate[],
): readonly Candidate[] {
  return ready.length > 0 ? ready : all.filter(isServingTerminating);
}
