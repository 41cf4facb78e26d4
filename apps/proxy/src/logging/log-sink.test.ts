import { afterEach, describe, expect, it, vi } from 'vitest';
import { initialConfiguration } from '../config/fields.ts';
import { logSink } from './log-sink.ts';

afterEach(() => void vi.restoreAllMocks());

describe('the time of log lines', () => {
  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('follows the time of day when that is set %s', (_, shift) => {
    const sink = logSink(initialConfiguration('file').logging);
    const real = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => real() + shift);
    expect(Math.abs(sink.now() - Date.now())).toBeLessThan(60_000);
  });
});
