import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { attemptAll } from './attempts.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an attempt to connect', () => {
  it.each(['TCP', 'UDP'] as const)(
    'is an error for a port that is none, and leaves no timer: %s',
    async (protocol) => {
      const to = { address: '127.0.0.1', port: 99_999 };
      const request = { op: 'connect', protocol, from: '127.0.0.1', to, tries: 1, timeout: 1000 } as const;
      await expect(attemptAll(request)).rejects.toThrow(/port/i);
      expect(vi.getTimerCount()).toBe(0);
    },
  );
});
