/** How far counts are from those expected in proportion to the weights. */
export function chiSquare(counts: readonly number[], weights: readonly number[]): number {
  const [total, sum] = [counts, weights].map((each) => each.reduce((whole, part) => whole + part, 0));
  return counts.reduce((result, seen, at) => {
    const expected = ((total ?? 0) * (weights[at] ?? 0)) / (sum ?? 1);
    return result + (seen - expected) ** 2 / expected;
  }, 0);
}

/** With so many degrees of freedom, a random distribution exceeds it once in a thousand runs. */
export const CHI_SQUARE_LIMITS: Readonly<Record<number, number>> = { 2: 13.82, 4: 18.47, 7: 24.32, 8: 26.12 };
