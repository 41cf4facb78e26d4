import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

describe('Go durations', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['250ms', 250],
    ['15us', 0.015],
    ['15µs', 0.015],
    ['2ns', 0.000002],
    ['-1m', -60_000],
    ['24h0m0s', 86_400_000],
    ['2562047h', 2_562_047 * 3_600_000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBeCloseTo(milliseconds, 9);
  });

  it.each(['', '30', 's', '1 s', '1h 30m', '1d', '1hour', '--1s', '1s2', '1.2.3s', '2562048h'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  it('reads and refuses text of the greatest size of annotations in linear time', () => {
    const digits = '1'.repeat(262_144);
    for (const text of [digits, `${digits}.${digits}`, `${digits}s`, `.${digits}`]) {
      expect(parseDuration(text)).toBeNull();
    }
    expect(parseDuration(`0.${'0'.repeat(262_144)}s`)).toBe(0);
  });

  it.each([
    [0, '0s'],
    [30_000, '30s'],
    [900_000, '15m0s'],
    [86_400_000, '24h0m0s'],
    [1500, '1.5s'],
    [250, '250ms'],
    [0.015, '15µs'],
    [0.000002, '2ns'],
    [-90_000, '-1m30s'],
    [61_001, '1m1.001s'],
  ])('writes %d ms as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});
