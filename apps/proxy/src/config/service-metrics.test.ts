import { describe, expect, it } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';

describe('--service-metrics', () => {
  it('is off by default, with 10,000 series when on, and as many as are asked for', () => {
    expect(settingsOf([]).serviceMetrics).toBeNull();
    expect(settingsOf(['--service-metrics-max-series=5']).serviceMetrics).toBeNull();
    expect(settingsOf(['--service-metrics']).serviceMetrics).toBe(10_000);
    expect(settingsOf(['--service-metrics', '--service-metrics-max-series=5']).serviceMetrics).toBe(5);
  });

  it('counts beside a file', () => {
    expect(settingsOfFile('', ['--service-metrics']).serviceMetrics).toBe(10_000);
  });

  it('needs at least one series', () => {
    expect(() => settingsOf(['--service-metrics', '--service-metrics-max-series=0'])).toThrow(
      '--service-metrics-max-series: 0 must be at least 1',
    );
  });
});
