import { NOTHING_DONE, type Drift, type SyncResult } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createSyncHistory, type EndedSync } from './sync-history.ts';

const ERROR = {
  code: 'rejected',
  operation: 'nft',
  message: 'Invalid argument',
  kernel: 'unchanged',
} as const;
const FAILURE = { key: 'shop/web:/TCP', error: ERROR };
const MISSING: Drift = { kind: 'missing', type: 'chain', name: 'KUBE-SERVICES' };

function ended(result: Partial<SyncResult>, startedAt = 0): EndedSync {
  const whole = { ...NOTHING_DONE, ...result };
  return {
    family: 'IPv4',
    mode: 'nftables',
    reason: 'change',
    result: whole,
    startedAt,
    endedAt: startedAt + 12.34,
  };
}

describe('createSyncHistory', () => {
  it('has the syncs in their order, with time, duration, reason and outcome', () => {
    const history = createSyncHistory();
    history.add(ended({ scope: 'full', counters: { rules: 3 } }, 1000));
    expect(history.syncs()).toEqual([
      {
        time: '1970-01-01T00:00:01.000Z',
        milliseconds: 12.3,
        family: 'IPv4',
        mode: 'nftables',
        reason: 'change',
        outcome: 'ok',
        scope: 'full',
        counters: { rules: 3 },
        repaired: { total: 0, items: [] },
        failures: { total: 0, items: [] },
        error: null,
      },
    ]);
  });

  it('keeps the last 100 syncs, and of each the first objects', () => {
    const history = createSyncHistory();
    const repaired = Array.from({ length: 30_000 }, () => MISSING);
    for (let index = 0; index < 250; index++) history.add(ended({ repaired }, index));
    expect(history.syncs()).toHaveLength(100);
    expect(history.last('IPv4')).toBe(history.syncs().at(-1));
    expect(history.last('IPv4')?.repaired.total).toBe(30_000);
    expect(history.last('IPv4')?.repaired.items).toHaveLength(20);
  });

  it('counts repairs by kind, each family on its own', () => {
    const history = createSyncHistory();
    history.add(ended({ repaired: [MISSING, { ...MISSING, kind: 'altered' }] }));
    history.add(ended({ repaired: [MISSING] }));
    expect(history.repaired('IPv4')).toEqual({ missing: 2, altered: 1, stale: 0 });
    expect(history.repaired('IPv6')).toEqual({ missing: 0, altered: 0, stale: 0 });
  });

  it('has refused service ports until a sync programs them; a failed sync changes nothing', () => {
    const history = createSyncHistory();
    const refused = {
      family: 'IPv4',
      key: 'shop/web:/TCP',
      code: 'rejected',
      operation: 'nft',
      message: 'Invalid argument',
    };
    history.add(ended({ outcome: 'partial', failures: [FAILURE] }));
    expect(history.failures('IPv4')).toEqual([refused]);
    history.add(ended({ outcome: 'failed', error: ERROR }));
    expect(history.failures('IPv4')).toEqual([refused]);
    expect(history.last('IPv4')?.error).toEqual({
      code: 'rejected',
      operation: 'nft',
      message: 'Invalid argument',
    });
    history.add(ended({}));
    expect(history.failures('IPv4')).toEqual([]);
  });
});
