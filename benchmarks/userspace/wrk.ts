/** What wrk prints. */
export interface Load {
  /** A second. */
  readonly requests: number;
  readonly megabytes: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

const UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  B: 1e-6,
  KB: 1024e-6,
  MB: 1024 ** 2 * 1e-6,
  GB: 1024 ** 3 * 1e-6,
};

function find(text: string, before: string): number {
  const [, value, unit] = new RegExp(`${before}\\s+([0-9.]+)([a-zA-Z]*)`).exec(text) ?? [];
  if (value === undefined) throw new Error(`wrk printed no ${before}: ${text}`);
  return Number(value) * (UNITS[unit ?? ''] ?? 1);
}

export function parseLoad(text: string): Load {
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text) ?? [];
  return {
    requests: find(text, 'Requests/sec:'),
    megabytes: find(text, 'Transfer/sec:'),
    seconds: find(text, 'requests in') / 1000,
    p50: find(text, '50%'),
    p99: find(text, '99%'),
    errors: errors.slice(1).reduce((sum, each) => sum + Number(each), 0),
  };
}
