import type { IsExpected, ObservedElements } from '../objects/observed.ts';

/** What a driver answers for sets with these elements. */
export function siftElements(
  sets: Iterable<readonly [string, ReadonlyMap<string, string>]>,
  isExpected: IsExpected,
): ObservedElements {
  const bySet = new Map<string, ReadonlyMap<string, string>>();
  let expected = 0;
  for (const [set, elements] of sets) {
    const others = [...elements].filter(([key, data]) => !isExpected(set, key, data));
    bySet.set(set, new Map(others));
    expected += elements.size - others.length;
  }
  return { bySet, expected };
}
