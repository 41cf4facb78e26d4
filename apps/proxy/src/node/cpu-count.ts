import { availableParallelism, cpus } from 'node:os';
import { readTrimmed, type Files } from './sysctl.ts';

/** CPUs that are switched on: a container's limit does not count, since connection tracking is the node's. */
export function onlineCpus(files: Files): number {
  const ranges = readTrimmed(files, '/sys/devices/system/cpu/online');
  const count = ranges === null ? 0 : countRanges(ranges);
  return count > 0 ? count : Math.max(cpus().length, availableParallelism());
}

/** `0-3,8` is five. */
export function countRanges(text: string): number {
  const counts = text.split(',').map((range) => {
    const [from = Number.NaN, to = from] = range.split('-').map(Number);
    return to - from + 1;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Number.isInteger(total) && total > 0 ? total : 0;
}
