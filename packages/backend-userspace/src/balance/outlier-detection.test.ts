import { describe, expect, it } from 'vitest';
import { createOutlierDetector } from './outlier-detection.ts';

const ENDPOINTS = [1, 2, 3, 4].map((at) => ({ address: `10.244.1.${at}`, port: 8080, isLocal: true }));
type Endpoint = (typeof ENDPOINTS)[number];
const [A, B, C, D] = ENDPOINTS as [Endpoint, Endpoint, Endpoint, Endpoint];

function detector(among: readonly Endpoint[] = ENDPOINTS, threshold = 5) {
  const outliers = createOutlierDetector();
  return {
    ...outliers,
    /** The last verdict of so many failures in a row. */
    fail: (endpoint: Endpoint, times: number, now: number) =>
      Array.from({ length: times }, () => outliers.failed(endpoint, { among, threshold, now })).at(-1),
    left: (now: number) => outliers.available(among, now),
  };
}

describe('an endpoint with consecutive failures', () => {
  it('is skipped after the fifth one, for 30 s', () => {
    const { fail, left } = detector();
    expect(fail(A, 4, 0)).toBeNull();
    expect(left(0)).toBe(ENDPOINTS);
    expect(fail(A, 1, 0)).toBe('ejected');
    expect(left(29_999)).toEqual([B, C, D]);
    expect(left(30_000)).toBe(ENDPOINTS);
  });

  it('is not skipped if a success comes between them', () => {
    const { fail, left, succeeded, hasFailures } = detector();
    fail(A, 4, 0);
    expect([hasFailures(A), hasFailures(B)]).toEqual([true, false]);
    succeeded(A);
    expect(hasFailures(A)).toBe(false);
    expect(fail(A, 4, 0)).toBeNull();
    expect(left(0)).toBe(ENDPOINTS);
  });

  it('is skipped longer each time, up to 300 s, and shorter again after a time without ejection', () => {
    const { fail, skipped } = detector();
    const seconds: unknown[] = [];
    let now = 0;
    for (let at = 0; at < 12; at++) {
      fail(A, 5, now);
      const [{ ejectedSeconds = 0 } = {}] = skipped(now);
      seconds.push(ejectedSeconds);
      now += ejectedSeconds * 1000;
    }
    expect(seconds).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
    now += 10 * 30_000;
    fail(A, 5, now);
    expect(skipped(now)).toEqual([{ address: A.address, port: 8080, state: 'ejected', ejectedSeconds: 90 }]);
  });

  it('is never skipped with the threshold 0', () => {
    const { fail, left } = detector(ENDPOINTS, 0);
    expect(fail(A, 100, 0)).toBeNull();
    expect(left(0)).toBe(ENDPOINTS);
  });

  it('is skipped no longer than 300 s if the clock is set back', () => {
    const { fail, left } = detector();
    fail(A, 5, 1_000_000_000);
    expect(left(1_000_000_000 - 3_600_000)).toBe(ENDPOINTS);
  });

  it('gives the same array while nothing changes', () => {
    const { fail, left } = detector();
    fail(A, 5, 0);
    expect(left(1)).toBe(left(2));
  });
});

describe('at most half of the endpoints', () => {
  it('are ejected', () => {
    const { fail, left } = detector();
    expect([fail(A, 5, 0), fail(B, 5, 0), fail(C, 5, 0)]).toEqual(['ejected', 'ejected', 'overflow']);
    expect(left(0)).toEqual([C, D]);
    expect(fail(C, 1, 30_000)).toBe('ejected');
  });

  it.each([
    [1, ['overflow']],
    [2, ['ejected', 'overflow']],
    [3, ['ejected', 'overflow', 'overflow']],
  ])('of %d are ejected', (many, verdicts) => {
    const among = ENDPOINTS.slice(0, many);
    const { fail } = detector(among);
    expect(among.map((each) => fail(each, 5, 0))).toEqual(verdicts);
  });

  it('are skipped: if more fail their checks, all are used', () => {
    const { checked, left } = detector();
    for (const each of [A, B]) for (let at = 0; at < 3; at++) checked(each, false, 0);
    expect(left(0)).toEqual([C, D]);
    for (let at = 0; at < 3; at++) checked(C, false, 0);
    expect(left(0)).toBe(ENDPOINTS);
  });

  it('of a route are skipped: the local ones are used if more than half of them are ejected', () => {
    const { fail, available } = detector();
    fail(A, 5, 0);
    expect(available([A], 0)).toEqual([A]);
    expect(available([A, B], 0)).toEqual([B]);
  });
});

describe('an endpoint that fails its checks', () => {
  it('is skipped after the third failure until a check succeeds', () => {
    const { checked, left, skipped } = detector();
    checked(A, false, 0);
    checked(A, false, 0);
    expect(left(0)).toBe(ENDPOINTS);
    checked(A, false, 0);
    expect(left(1_000_000_000)).toEqual([B, C, D]);
    expect(skipped(0)).toEqual([{ address: A.address, port: 8080, state: 'unhealthy' }]);
    checked(A, true, 0);
    expect(left(0)).toBe(ENDPOINTS);
  });

  it('stays ejected after a check that succeeds', () => {
    const { checked, fail, left } = detector();
    fail(A, 5, 0);
    checked(A, true, 0);
    expect(left(0)).toEqual([B, C, D]);
  });
});
