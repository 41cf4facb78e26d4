export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** The value that `share` (0 to 1) of the ascending `values` do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  return values[Math.floor((values.length - 1) * share)] ?? Number.NaN;
}
