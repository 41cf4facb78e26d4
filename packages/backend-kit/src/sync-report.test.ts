import { backendError } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { formatDrift, formatDriftList } from './drift.ts';
import { createSyncReport } from './sync-report.ts';

const error = backendError('rejected', 'write', 'refused');

describe('SyncReport', () => {
  it('is idle and ok where nothing was done', () => {
    const report = createSyncReport();
    expect(report.isIdle).toBe(true);
    expect(report.result()).toEqual({
      outcome: 'ok',
      scope: 'none',
      failures: [],
      repaired: [],
      counters: {},
    });
  });

  it('adds counters up, keeps the wider scope, and reports failures as partial', () => {
    const report = createSyncReport();
    report.reach('full');
    report.reach('partial');
    report.count('chains');
    report.count('chains', 2);
    report.fail('shop/web:/TCP', error);
    expect(report.isIdle).toBe(false);
    expect(report.result({ held: 7 })).toEqual({
      outcome: 'partial',
      scope: 'full',
      failures: [{ key: 'shop/web:/TCP', error }],
      repaired: [],
      counters: { chains: 3, held: 7 },
    });
  });

  it('fails with the first error that all services share', () => {
    const report = createSyncReport();
    report.failAll(error);
    report.failAll(backendError('busy', 'read', 'later'));
    expect(report.result()).toMatchObject({ outcome: 'failed', error });
  });
});

describe('formatDrift', () => {
  it('names kind, object and place', () => {
    expect(formatDrift({ kind: 'missing', type: 'chain', name: 'KUBE-SVC-A', within: 'table nat' })).toBe(
      'missing chain KUBE-SVC-A in table nat',
    );
    expect(formatDrift({ kind: 'altered', type: 'packet filter', name: '' })).toBe('altered packet filter');
  });

  it('counts what it leaves out of a long list', () => {
    const drift = Array.from(
      { length: 60 },
      (_, index) => ({ kind: 'stale', type: 'set', name: `${index}` }) as const,
    );
    const lines = formatDriftList(drift);
    expect([lines.length, lines.at(-1)]).toEqual([51, 'and 10 more']);
  });
});
