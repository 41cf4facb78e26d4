import { backendError, type BackendErrorCode } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { isTransient, retryWhileTransient, type Problem } from './transient.ts';

describe('what may go better the next time', () => {
  it.each<[boolean, BackendErrorCode, string]>([
    [true, 'busy', 'exit status 4: Another app is currently holding the xtables lock.'],
    [true, 'busy', 'ENOBUFS'],
    [true, 'timeout', 'did not exit within the time limit'],
    [true, 'unavailable', 'killed by SIGKILL'],
    [false, 'unavailable', 'spawn iptables ENOENT'],
    [false, 'busy', 'exit status 4: Could not fetch rule set generation id: Invalid argument'],
    [false, 'busy', 'exit status 4: Failed to initialize nft: Protocol not supported'],
    [false, 'not-permitted', 'exit status 4: Permission denied (you must be root)'],
    [false, 'rejected', 'exit status 3'],
    [false, 'unsupported', 'EPROTONOSUPPORT'],
  ])('%s: %s, %s', (expected, code, message) => {
    expect(isTransient(backendError(code, 'iptables', message))).toBe(expected);
  });
});

const HELD: Problem = { code: 'busy', message: 'the lock is held' };

/** Asks for at most a minute; `answers` come in order, then the last one for ever. */
function asking(answers: readonly (Problem | null)[]) {
  const clock = createManualClock();
  const began = clock.now();
  const asked: number[] = [];
  const waits: number[] = [];
  const outcome = retryWhileTransient(
    () => {
      asked.push((clock.now() - began) / 1000);
      return Promise.resolve(answers[asked.length - 1] ?? answers.at(-1) ?? null);
    },
    {
      clock,
      milliseconds: 60_000,
      problem: (answer) => answer,
      onRetry: (_, wait) => waits.push(wait / 1000),
    },
  );
  const pass = async (seconds: number): Promise<void> => {
    for (let passed = 0; passed < seconds; passed++) {
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      clock.advance(1000);
    }
  };
  return { outcome, pass, asked, waits };
}

describe('retryWhileTransient', () => {
  it('asks again until the answer is good', async () => {
    const { outcome, pass, asked, waits } = asking([HELD, HELD, HELD, null]);
    await pass(10);
    expect(await outcome).toBeNull();
    expect(asked).toEqual([0, 1, 3, 7]);
    expect(waits).toEqual([1, 2, 4]);
  });

  it('gives up after the time, with the last answer', async () => {
    const { outcome, pass, asked } = asking([HELD]);
    await pass(70);
    expect(await outcome).toBe(HELD);
    expect(asked).toEqual([0, 1, 3, 7, 15, 23, 31, 39, 47, 55]);
  });

  it('does not ask again for what stays as it is', async () => {
    const { outcome, asked } = asking([{ code: 'rejected', message: 'exit status 3' }]);
    expect(await outcome).toMatchObject({ code: 'rejected' });
    expect(asked).toEqual([0]);
  });
});
