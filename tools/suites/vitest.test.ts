import { describe, expect, it } from 'vitest';
import { countReport } from './vitest.mjs';

function file(status: string, ...tests: string[]): object {
  return {
    name: 'x.test.ts',
    status,
    assertionResults: tests.map((result) => ({ status: result, fullName: `a ${result} test` })),
  };
}

function report(passed: number, failed: number, pending: number, ...testResults: object[]): object {
  return {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: 0,
    testResults,
  };
}

describe('counting a vitest report', () => {
  it('takes the numbers over and names what was skipped', () => {
    const counted = countReport(report(2, 1, 1, file('failed', 'passed', 'passed', 'failed', 'skipped')), 1);
    expect(counted).toEqual({ passed: 2, failed: 1, skipped: 1, reason: 'skipped: a skipped test' });
  });

  it('counts a file that does not load as a failure', () => {
    expect(countReport(report(1, 0, 0, file('passed', 'passed'), file('failed')), 1)).toMatchObject({
      failed: 1,
    });
  });

  it('counts a run without tests as a failure', () => {
    expect(countReport(report(0, 0, 0), 0)).toMatchObject({ failed: 1, reason: 'ran no tests' });
  });

  it('counts an error outside of tests as a failure', () => {
    expect(countReport(report(1, 0, 0, file('passed', 'passed')), 1)).toMatchObject({ passed: 1, failed: 1 });
  });
});
