import { describe, expect, it } from 'vitest';
import type { NetlinkRequest } from '../codec/message.ts';
import { batchEnd, replyCost } from './batches.ts';

const request = (bytes: number): NetlinkRequest => ({
  operation: 'X',
  type: 1,
  flags: 0,
  payload: Buffer.alloc(bytes),
});

describe('replyCost', () => {
  it('is at least what Linux charges for an answer: 768 bytes for the smallest', () => {
    expect(replyCost(request(4))).toBe(768);
  });

  it('counts the request that a refusal brings back', () => {
    expect(replyCost(request(4000))).toBeGreaterThan(4000);
    expect(replyCost(request(60_000))).toBeGreaterThan(60_000);
  });
});

describe('batchEnd', () => {
  const many = Array.from({ length: 1000 }, () => request(100));
  const limits = { replyBytes: 100_000, datagramBytes: 1 << 20, requests: 10_000 };

  it('keeps the answers to a datagram within the receive buffer, were all of them refusals', () => {
    const end = batchEnd(many, 0, limits);
    const together = many.slice(0, end).reduce((sum, each) => sum + replyCost(each), 0);
    expect(together).toBeLessThanOrEqual(limits.replyBytes);
    expect(together + replyCost(request(100))).toBeGreaterThan(limits.replyBytes);
  });

  it('keeps the datagram within its size', () => {
    expect(batchEnd(many, 0, { ...limits, replyBytes: 1 << 30, datagramBytes: 1160 })).toBe(10);
  });

  it('keeps to the number of requests', () => {
    expect(batchEnd(many, 100, { ...limits, requests: 7 })).toBe(107);
  });

  it('takes the rest when it fits', () => {
    expect(batchEnd(many, 990, limits)).toBe(1000);
  });

  it('lets a request that is over the limits go alone', () => {
    const list = [request(4), request(200_000), request(4)];
    expect([batchEnd(list, 0, limits), batchEnd(list, 1, limits), batchEnd(list, 2, limits)]).toEqual([
      1, 2, 3,
    ]);
  });
});
