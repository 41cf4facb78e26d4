/**
 * Go durations (`1h30m`, `250ms`), as flags and configuration files write them. Held in milliseconds, which a
 * double keeps exact to the nanosecond for any period this program knows.
 */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go counts nanoseconds in 63 bits: about 292 years. */
const MAX_DURATION = 2 ** 63 / 1e6;

/** Milliseconds, or `null` when Go's `time.ParseDuration` would refuse the text. */
export function parseDuration(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1;
  const rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  // Digits match in one way only: else the time for a long run of them without a unit would be quadratic.
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  let total = 0;
  let end = 0;
  for (let match = part.exec(rest); match !== null; match = part.exec(rest)) {
    total += Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
    end = part.lastIndex;
  }
  return end === 0 || end !== rest.length || total > MAX_DURATION ? null : sign * total;
}

/** As Go prints it: `1h0m0s`, `30s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  const sign = milliseconds < 0 ? '-' : '';
  const value = Math.abs(milliseconds);
  if (value < 1e-3) return `${sign}${Math.round(value * 1e6)}ns`;
  if (value < 1) return `${sign}${trim(value * 1e3)}µs`;
  if (value < 1000) return `${sign}${trim(value)}ms`;
  const hours = Math.floor(value / 3_600_000);
  const minutes = Math.floor((value % 3_600_000) / 60_000);
  const seconds = trim((value % 60_000) / 1000);
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

function trim(value: number): string {
  return String(Number(value.toFixed(9)));
}
