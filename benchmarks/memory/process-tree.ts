/** What a process and its children hold and have spent, as the kernel counts it. */
import { readFileSync, readdirSync } from 'node:fs';

export interface Usage {
  readonly processes: number;
  /** Megabytes (10^6). Resident: pages that processes share count once for each. */
  readonly rss: number;
  /** A page that n processes share counts 1/n for each. */
  readonly pss: number;
  /** The part of `rss` that is not backed by a file. */
  readonly anonymous: number;
  /** Sum of the highest `rss` that each process ever had. */
  readonly highest: number;
  /** Milliseconds of user and system time, with that of children that have ended. */
  readonly cpu: number;
}

/** The kernel counts in hundredths of a second here. */
const TICK_MS = 10;

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It has ended.
    return '';
  }
}

function treeOf(pid: number): readonly number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const children = tasks.flatMap((task) => read(pid, `task/${task}/children`).split(' ').filter(Boolean));
  return [pid, ...children.map(Number)];
}

function cpuOf(pid: number): number {
  const fields = read(pid, 'stat').split(') ')[1]?.split(' ').slice(11, 15) ?? [];
  return fields.reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
}

export function usageOf(pid: number): Usage {
  const pids = treeOf(pid);
  const maps = pids.map((each) => read(each, 'smaps_rollup'));
  const sum = (name: string): number =>
    maps.reduce(
      (total, text) => total + Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0),
      0,
    );
  const highest = pids.map((each) => Number(/^VmHWM:\s+(\d+)/m.exec(read(each, 'status'))?.[1] ?? 0));
  const megabytes = (name: string): number => (sum(name) * 1024) / 1e6;
  return {
    processes: pids.length,
    rss: megabytes('Rss'),
    pss: megabytes('Pss'),
    anonymous: megabytes('Anonymous'),
    highest: highest.reduce((total, kilobytes) => total + (kilobytes * 1024) / 1e6, 0),
    cpu: cpuOf(pid),
  };
}
