import { fail, succeed } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { errorOf, toBackendError, toResult, type NetlinkError } from './result.ts';

const failure = (code: NetlinkError['code']): NetlinkError => ({
  code,
  operation: 'RTM_NEWADDR',
  message: code,
  index: 3,
});

describe('a netlink error as a backend error', () => {
  it.each([
    ['rejected', 'unchanged'],
    ['busy', 'unchanged'],
    ['timeout', 'unknown'],
    ['unavailable', 'unknown'],
  ] as const)('%s leaves the kernel %s', (code, kernel) => {
    const error = { code, operation: 'RTM_NEWADDR', message: code, kernel };
    expect(toBackendError(failure(code))).toEqual(error);
    expect(toResult(fail(failure(code)))).toEqual(fail(error));
    expect(errorOf(fail(failure(code)))).toEqual(error);
  });

  it('leaves the kernel unknown after a refusal if requests before it were carried out', () => {
    expect(toBackendError(failure('rejected'), 'something').kernel).toBe('unknown');
  });

  it('is absent from a success', () => {
    expect(toResult(succeed(7))).toEqual(succeed(7));
    expect(errorOf(succeed(7))).toBeNull();
  });
});
