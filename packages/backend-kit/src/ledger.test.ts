import { describe, expect, it } from 'vitest';
import { createLedger, type Digested } from './ledger.ts';

const ONE = { digest: 'one' };
const TWO = { digest: 'two' };

describe('Ledger', () => {
  it('plans a write only where the kernel holds something else', () => {
    const ledger = createLedger();
    ledger.hold('chain', ONE);
    ledger.want('chain', ONE);
    expect(ledger.isSettled).toBe(true);
    ledger.want('chain', TWO);
    expect([...ledger.writes]).toEqual([['chain', TWO]]);
    ledger.hold('chain', TWO);
    expect(ledger.isSettled).toBe(true);
  });

  it('keeps a write that was planned while an older one was carried out', () => {
    const ledger = createLedger();
    ledger.want('chain', ONE);
    ledger.want('chain', TWO);
    ledger.hold('chain', ONE);
    expect([...ledger.writes.keys()]).toEqual(['chain']);
  });

  it('plans the removal of what is held, and forgets it where the object is desired again', () => {
    const ledger = createLedger();
    ledger.unwant('absent', 'remove');
    expect(ledger.isSettled).toBe(true);
    ledger.hold('chain', ONE);
    ledger.unwant('chain', 'remove');
    expect([...ledger.removals]).toEqual([['chain', 'remove']]);
    ledger.want('chain', ONE);
    expect(ledger.isSettled).toBe(true);
    ledger.unwant('chain', 'remove');
    ledger.drop('chain');
    expect([ledger.isSettled, ledger.held.size]).toEqual([true, 0]);
  });

  it('orders writes by the latest call of want', () => {
    const ledger = createLedger();
    for (const key of ['a', 'b', 'a']) ledger.want(key, { digest: key });
    expect([...ledger.writes.keys()]).toEqual(['b', 'a']);
  });

  it('sums the sizes of what is held', () => {
    const ledger = createLedger<Digested & { readonly rules: number }>(({ rules }) => rules);
    ledger.hold('a', { ...ONE, rules: 3 });
    ledger.hold('b', { ...ONE, rules: 4 });
    ledger.hold('a', { ...TWO, rules: 1 });
    ledger.drop('absent');
    expect(ledger.heldSize).toBe(5);
    ledger.drop('b');
    expect(ledger.heldSize).toBe(1);
  });

  it('records what is held or dropped until the recording is stopped', () => {
    const ledger = createLedger();
    ledger.hold('before', ONE);
    const recording = ledger.record();
    ledger.hold('held', ONE);
    ledger.drop('before');
    ledger.want('desired', ONE);
    recording.stop();
    ledger.hold('after', ONE);
    expect(['before', 'held', 'desired', 'after'].filter((key) => recording.has(key))).toEqual([
      'before',
      'held',
    ]);
  });

  it('goes on with the latest recording when an earlier one is stopped', () => {
    const ledger = createLedger();
    const [earlier, latest] = [ledger.record(), ledger.record()];
    earlier.stop();
    ledger.hold('chain', ONE);
    expect([earlier.has('chain'), latest.has('chain')]).toEqual([false, true]);
  });
});
