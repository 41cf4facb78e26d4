import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { NetlinkError } from '../result.ts';
import { createDelivery, type Delivery } from './delivery.ts';

const ERROR: NetlinkError = { code: 'protocol', operation: 'recvmsg', message: 'too large' };

/** What the handlers got, one entry for each call: the lengths of datagrams, or the error. */
function bench(onReceived: (delivery: Delivery) => void = () => {}) {
  const calls: (readonly number[] | NetlinkError)[] = [];
  const delivery = createDelivery({
    received: (datagrams) => {
      calls.push(datagrams.map(({ length }) => length));
      onReceived(delivery);
    },
    failed: (error) => calls.push(error),
  });
  const add = (...arrivals: readonly (number | NetlinkError)[]): void => {
    for (const each of arrivals) delivery.add(typeof each === 'number' ? Buffer.alloc(each) : each);
  };
  return { delivery, calls, add };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

describe('delivery of what a socket receives', () => {
  it('hands small datagrams of one turn over together, in a later turn', async () => {
    const { calls, add } = bench();
    add(20, 30, 40);
    expect(calls).toEqual([]);
    await turns(5);
    expect(calls).toEqual([[20, 30, 40]]);
  });

  it('hands a long listing over in parts, one in a turn', async () => {
    const { calls, add } = bench();
    add(20_000, 20_000, 32_768, 100);
    await turns(1);
    expect(calls).toEqual([[20_000, 20_000]]);
    await turns(5);
    expect(calls).toEqual([[20_000, 20_000], [32_768], [100]]);
  });

  it('reports an error after the datagrams that arrived before it, whatever their number of parts', async () => {
    const { calls, add } = bench();
    add(32_768, 32_768, 100, ERROR, 7);
    await turns(8);
    expect(calls).toEqual([[32_768], [32_768], [100], ERROR, [7]]);
  });

  it('goes on with what arrives while parts wait', async () => {
    const { calls, add } = bench();
    add(32_768, 32_768);
    await turns(1);
    add(5);
    await turns(5);
    expect(calls).toEqual([[32_768], [32_768], [5]]);
  });

  it('hands nothing over after it was stopped, also by a handler', async () => {
    const { calls, add } = bench((delivery) => delivery.stop());
    add(32_768, 32_768, ERROR);
    await turns(5);
    add(3);
    await turns(3);
    expect(calls).toEqual([[32_768]]);
    const other = bench();
    other.add(3);
    other.delivery.stop();
    await turns(3);
    expect(other.calls).toEqual([]);
  });
});
