import { describe, expect, it } from 'vitest';
import { serviceObject } from '../testing/objects.ts';
import { decodeService } from './decode-service.ts';

function decoded(annotations: Readonly<Record<string, unknown>>) {
  const named = Object.entries(annotations).map(([name, value]) => [`signalbox.dev/${name}`, value]);
  const { value, problems } = decodeService(
    serviceObject({ metadata: { annotations: Object.fromEntries(named) } }),
  );
  return { policy: value?.connections, problems };
}

describe('annotations for connections', () => {
  it('set nothing by default', () => {
    expect(decoded({})).toEqual({ policy: null, problems: [] });
  });

  it('are read with numbers and durations', () => {
    const { policy, problems } = decoded({
      'max-connections': '1000',
      'max-pending-connects': '50',
      'max-retries': '0',
      'connect-timeout': '1.5s',
      'idle-timeout': '1h30m',
      'outlier-consecutive-failures': '3',
      'health-check': 'tcp',
      'health-check-interval': '5s',
    });
    expect(problems).toEqual([]);
    expect(policy).toEqual({
      maxConnections: 1000,
      maxPendingConnects: 50,
      maxRetries: 0,
      connectTimeout: 1500,
      idleTimeout: 5_400_000,
      outlierFailures: 3,
      checkInterval: 5000,
    });
  });

  it('check each endpoint every ten seconds unless an interval is set', () => {
    expect(decoded({ 'health-check': 'tcp' }).policy).toEqual({ checkInterval: 10_000 });
  });

  it('check no endpoint with an interval alone', () => {
    expect(decoded({ 'health-check-interval': '5s' }).policy).toBeNull();
  });

  it.each([
    ['max-connections', '0'],
    ['max-connections', 'many'],
    ['max-connections', '1e3'],
    ['max-connections', 7],
    ['max-pending-connects', '-1'],
    ['max-retries', '99999999999'],
    ['connect-timeout', '5'],
    ['connect-timeout', '0s'],
    ['idle-timeout', '600h'],
    ['outlier-consecutive-failures', ''],
    ['health-check', 'http'],
    ['health-check-interval', '1ms'],
  ])('with the value %s: %j are reported, and the others apply', (name, value) => {
    const { policy, problems } = decoded({ 'max-retries': '2', 'health-check': 'tcp', [name]: value });
    expect(problems).toMatchObject([
      { field: `metadata.annotations[signalbox.dev/${name}]`, value: JSON.stringify(value) },
    ]);
    expect(problems[0]?.reason).toMatch(/^must be .*: the default is used$/);
    const wanted = { maxRetries: 2, checkInterval: 10_000 };
    if (name === 'max-retries') expect(policy).toEqual({ checkInterval: 10_000 });
    else if (name === 'health-check') expect(policy).toEqual({ maxRetries: 2 });
    else expect(policy).toEqual(wanted);
  });
});
