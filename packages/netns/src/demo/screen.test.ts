import { describe, expect, it } from 'vitest';
import { messagesOf } from './screen.ts';

/** As `await using` throws it where the class exists. */
function suppressedError(error: unknown, suppressed: unknown): Error {
  return Object.assign(new Error('An error was suppressed during disposal'), { error, suppressed });
}

describe('messagesOf', () => {
  it('has the message of an error', () => {
    expect(messagesOf(new Error('no answer'))).toEqual(['no answer']);
    expect(messagesOf('no answer')).toEqual(['no answer']);
  });

  it('has the suppressed error before the error of the disposal', () => {
    const one = suppressedError(new Error('netns del failed'), new Error('no answer'));
    expect(messagesOf(one)).toEqual(['no answer', 'netns del failed']);
    const two = suppressedError(new Error('second disposal failed'), one);
    expect(messagesOf(two)).toEqual(['no answer', 'netns del failed', 'second disposal failed']);
  });
});
