/** The candidate that a mistyped word most probably stands for. */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  return [...candidates]
    .map((candidate) => ({ candidate, distance: distance(candidate, typed) }))
    .filter((entry) => entry.distance <= Math.min(3, typed.length / 3))
    .toSorted((a, b) => a.distance - b.distance)[0]?.candidate;
}

/** For the end of an error message; empty where no candidate is near. */
export function didYouMean(typed: string, candidates: Iterable<string>, prefix = ''): string {
  const near = nearest(typed, candidates);
  return near === undefined ? '' : ` (did you mean ${prefix}${near}?)`;
}

/** Levenshtein's edit distance, where two letters that changed places count as one edit. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped && i > 1 && j > 1 ? at(i - 2, j - 2) + 1 : Infinity;
      row.push(Math.min(change, swap, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
