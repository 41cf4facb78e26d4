import { describe, expect, it } from 'vitest';
import { createLedger } from './ledger.ts';

describe('Ledger', () => {
  it('plans a write only where the kernel holds something else', () => {
    const ledger = createLedger();
    ledger.hold('chain', 'one');
    ledger.want('chain', { digest: 'one' });
    expect(ledger.isSettled).toBe(true);
    ledger.want('chain', { digest: 'two' });
    expect([...ledger.writes]).toEqual([['chain', { digest: 'two' }]]);
    ledger.hold('chain', 'two');
    expect(ledger.isSettled).toBe(true);
  });

  it('keeps a write that was wanted while an older one was carried out', () => {
    const ledger = createLedger();
    ledger.want('chain', { digest: 'one' });
    ledger.want('chain', { digest: 'two' });
    ledger.hold('chain', 'one');
    expect([...ledger.writes.keys()]).toEqual(['chain']);
  });

  it('plans the removal of what is held, and forgets it where the object is wanted again', () => {
    const ledger = createLedger();
    ledger.unwant('absent');
    expect(ledger.isSettled).toBe(true);
    ledger.hold('chain', 'one');
    ledger.unwant('chain');
    expect([...ledger.removals]).toEqual(['chain']);
    ledger.want('chain', { digest: 'one' });
    expect(ledger.isSettled).toBe(true);
    ledger.unwant('chain');
    ledger.drop('chain');
    expect([ledger.isSettled, ledger.held.size]).toEqual([true, 0]);
  });

  it('orders writes by the latest wish', () => {
    const ledger = createLedger();
    for (const key of ['a', 'b', 'a']) ledger.want(key, { digest: key });
    expect([...ledger.writes.keys()]).toEqual(['b', 'a']);
  });
});
