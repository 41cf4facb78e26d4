import { describe, expect, it } from 'vitest';
import { countReport, selectsTools } from './vitest.mjs';

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
    expect(counted).toMatchObject({ passed: 2, failed: 1, skipped: 1, reason: 'skipped: a skipped test' });
  });

  it('keeps file, title and error of each failure, without colours', () => {
    const failed = {
      name: `${process.cwd()}/packages/x.test.ts`,
      status: 'failed',
      assertionResults: [
        {
          status: 'failed',
          fullName: 'holds',
          failureMessages: ['\u001B[31mexpected 1\u001B[39m\n    at x:1'],
        },
      ],
    };
    const broken = {
      name: `${process.cwd()}/y.test.ts`,
      status: 'failed',
      message: 'no y',
      assertionResults: [],
    };
    expect(countReport(report(0, 1, 0, failed, broken), 1)).toMatchObject({
      failed: 2,
      failures: ['packages/x.test.ts > holds\n  expected 1\n      at x:1', 'y.test.ts\n  no y'],
    });
  });

  it('keeps no list of failures where nothing failed', () => {
    expect(countReport(report(1, 0, 0, file('passed', 'passed')), 0)).not.toHaveProperty('failures');
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

it.each([
  [[], true],
  [['tools/'], true],
  [['image.kernel.test.ts'], true],
  [['packages/netns/', 'tools/uml-run'], true],
  [['packages/netns/'], false],
  [['apps/proxy/src/x.test.ts', 'packages/netlink/'], false],
])('%j can select tests of tools/: %s', (rest, expected) => {
  expect(selectsTools(rest)).toBe(expected);
});
