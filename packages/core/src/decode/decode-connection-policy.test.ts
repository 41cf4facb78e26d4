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

  const MOST = '2147483647';
  it.each([
    ['max-connections', '1', MOST, ['0', '2147483648']],
    ['max-pending-connects', '1', MOST, ['0', '2147483648']],
    ['max-retries', '0', MOST, ['-1', '2147483648']],
    ['connect-timeout', '1ms', `${MOST}ms`, ['999us', '2147483648ms']],
    ['idle-timeout', '1ms', `${MOST}ms`, ['999us', '2147483648ms']],
    ['outlier-consecutive-failures', '0', MOST, ['-1', '2147483648']],
    ['health-check-interval', '100ms', `${MOST}ms`, ['99ms', '2147483648ms']],
  ])('%s accepts values from %s to %s, and none of %j', (name, least, most, beyond) => {
    const problemsOf = (value: string): number =>
      decoded({ 'health-check': 'tcp', [name]: value }).problems.length;
    expect([least, most].map(problemsOf)).toEqual([0, 0]);
    expect(beyond.map(problemsOf)).toEqual([1, 1]);
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
