import { describe, expect, it } from 'vitest';
import { commentsFor } from './context.ts';

describe('comments on rules of single endpoints (S52)', () => {
  it('are left out beyond 1000 endpoints', () => {
    expect([999, 1000, 1001].map((count) => commentsFor(count))).toEqual(['kept', 'kept', 'left-out']);
  });

  it('do not change with each endpoint of a cluster near the limit', () => {
    const counts = [1000, 1001, 1000, 1001, 901, 900, 1000, 1001];
    let comments = commentsFor(0);
    const seen = counts.map((count) => (comments = commentsFor(count, comments)));
    expect(seen.join(' ')).toBe('kept left-out left-out left-out left-out kept kept left-out');
  });
});
