import { perList } from '../balance/algorithm.ts';
import { GAINS, type TurnsOf } from '../balance/turns.ts';
import { createCell } from './shared-memory.ts';
import { listName, type StateParts } from './state-parts.ts';

/** A list that no connection used for this time has most likely changed. */
const KEPT_MS = 3_600_000;

export function createSharedTurns({ memory, name, now }: StateParts): TurnsOf {
  const turnsOf = perList((endpoints) => {
    const numbers = GAINS + endpoints.length;
    const cell = createCell(memory, `${name} turns ${listName(endpoints)}`, { gauges: 0, numbers });
    const known: { at: number; numbers: Int32Array } = { at: 0, numbers: new Int32Array() };
    return () => {
      const at = cell.numbers(cell.use(now(), now() + KEPT_MS));
      if (at !== known.at) known.numbers = memory.ints.subarray(at, at + numbers);
      known.at = at;
      return known.numbers;
    };
  });
  return (endpoints) => turnsOf(endpoints)();
}
