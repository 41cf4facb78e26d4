import { expect, it } from 'vitest';
import { inTurns } from './in-turns.ts';

it('works through all items in order, and lets other work run in between', async () => {
  const done: number[] = [];
  let before = -1;
  const items = Array.from({ length: 200 }, (_, index) => index);
  const working = inTurns(items, (item) => void done.push(item));
  setImmediate(() => (before = done.length));
  await working;
  expect(done).toEqual(items);
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(items.length);
});

it('leaves out items that come during the work', async () => {
  const items = new Set(Array.from({ length: 60 }, (_, index) => index));
  const done: number[] = [];
  await inTurns(items, (item) => {
    done.push(item);
    items.add(item + 1000);
  });
  expect(done).toHaveLength(60);
});
