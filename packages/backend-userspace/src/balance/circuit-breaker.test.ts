import { describe, expect, it } from 'vitest';
import { createCircuitBreaker, type Admission } from './circuit-breaker.ts';

function admitted(breaker: ReturnType<typeof createCircuitBreaker>, policy = {}): Admission {
  const admission = breaker.admit(policy);
  if (typeof admission === 'string') throw new Error(`refused at the limit of ${admission}`);
  return admission;
}

describe('a circuit breaker', () => {
  it('admits everything without limits, and reports no usage', () => {
    const breaker = createCircuitBreaker();
    for (let at = 0; at < 1000; at++) admitted(breaker);
    expect(breaker.usage({ idleTimeout: 5 })).toEqual([]);
  });

  it('refuses connections above the limit until one has ended', () => {
    const breaker = createCircuitBreaker();
    const policy = { maxConnections: 2 };
    const first = admitted(breaker, policy);
    admitted(breaker, policy).settle();
    expect(breaker.admit(policy)).toBe('connections');
    first.end();
    first.end();
    admitted(breaker, policy);
    expect(breaker.admit(policy)).toBe('connections');
    expect(breaker.usage(policy)).toEqual([
      { name: 'connections', now: 2, limit: 2, refused: 2 },
      { name: 'pending connects', now: 1, limit: null, refused: 0 },
      { name: 'retries', now: 0, limit: null, refused: 0 },
    ]);
  });

  it('refuses connections while too many wait for an endpoint', () => {
    const breaker = createCircuitBreaker();
    const policy = { maxPendingConnects: 1 };
    const waiting = admitted(breaker, policy);
    expect(breaker.admit(policy)).toBe('pending connects');
    waiting.settle();
    admitted(breaker, policy).end();
    admitted(breaker, policy);
    expect(breaker.admit(policy)).toBe('pending connects');
  });

  it('limits connections that are at a later attempt, not their attempts', () => {
    const breaker = createCircuitBreaker();
    const policy = { maxRetries: 1 };
    const [first, second] = [admitted(breaker, policy), admitted(breaker, policy)];
    expect([first.retry(), first.retry(), second.retry()]).toEqual([true, true, false]);
    first.settle();
    expect(second.retry()).toBe(true);
    second.end();
    expect(breaker.usage(policy).find(({ name }) => name === 'retries')).toEqual({
      name: 'retries',
      now: 0,
      limit: 1,
      refused: 1,
    });
  });

  it('applies a limit that is lowered to new connections only', () => {
    const breaker = createCircuitBreaker();
    const open = [admitted(breaker), admitted(breaker)];
    expect(breaker.admit({ maxConnections: 1 })).toBe('connections');
    for (const each of open) each.end();
    admitted(breaker, { maxConnections: 1 });
  });
});
