import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createTimeShare } from './time-share.ts';

function lab() {
  const clock = createManualClock();
  const pace = createTimeShare(() => clock.now());
  const work = (milliseconds: number): Promise<void> => {
    return pace.take(() => Promise.resolve(clock.advance(milliseconds)));
  };
  return { clock, pace, work };
}

describe('TimeShare', () => {
  it('is due before the work was ever done', () => {
    expect(lab().pace.isDue(0.01)).toBe(true);
  });

  it('is due again when the work has taken no more than the share', async () => {
    const { clock, pace, work } = lab();
    await work(100);
    clock.advance(899);
    expect(pace.isDue(0.1)).toBe(false);
    clock.advance(1);
    expect([pace.isDue(0.1), pace.isDue(0.01)]).toEqual([true, false]);
  });

  it('counts work that failed', async () => {
    const { clock, pace } = lab();
    const failing = pace.take(() => {
      clock.advance(100);
      return Promise.reject(new Error('gone'));
    });
    await expect(failing).rejects.toThrow('gone');
    expect(pace.isDue(0.5)).toBe(false);
  });
});
