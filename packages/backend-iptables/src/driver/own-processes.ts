/** Which transactions of the kernel are our own children's doing. */
import { readlinkSync } from 'node:fs';
import type { MonitoredTransaction } from './xtables-monitor.ts';

export interface OwnProcesses {
  readonly started: (pid: number) => void;
  readonly ended: (pid: number) => void;
  readonly isOwn: (transaction: Pick<MonitoredTransaction, 'pid' | 'program'>) => boolean;
}

export interface OwnProcessOptions {
  /** Whether process ids here are those that the kernel reports. */
  readonly pids: 'global' | 'namespaced';
  /** Name of a program that we run to write rules; the kernel keeps 15 characters of it. */
  readonly writes: (program: string) => boolean;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Process ids come round again; more children than this are not at work at a time. */
const REMEMBERED = 256;
/** The word of a transaction may arrive after the end of the process that made it. */
const LATE_MS = 2_000;

/**
 * The kernel reports process ids of the initial namespace. A process that lives in another one (a container) does
 * not know its children by them; there, whatever a program of the same name does while ours is at work counts as
 * ours. What is missed so, the next look finds.
 */
export function createOwnProcesses({ pids, writes, now }: OwnProcessOptions): OwnProcesses {
  const known = new Set<number>();
  const running = new Set<number>();
  let lastEnd = Number.NEGATIVE_INFINITY;
  return {
    started(pid) {
      running.add(pid);
      known.delete(pid);
      known.add(pid);
      const [oldest] = known;
      if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
    },
    ended(pid) {
      running.delete(pid);
      lastEnd = now();
    },
    isOwn({ pid, program }) {
      if (pids === 'global') return known.has(pid);
      return writes(program) && (running.size > 0 || now() - lastEnd < LATE_MS);
    },
  };
}

/** The number that the kernel gives to its initial namespace of process ids. */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';

export function pidScope(): OwnProcessOptions['pids'] {
  try {
    return readlinkSync('/proc/self/ns/pid') === INITIAL_PID_NAMESPACE ? 'global' : 'namespaced';
  } catch {
    return 'namespaced';
  }
}

/** `iptables-nft-re`, `ip6tables-resto`: as the kernel cuts the names of the programs that we write with. */
export function isRestoreProgram(program: string): boolean {
  const names = ['iptables', 'ip6tables'].flatMap((base) => [`${base}-restore`, `${base}-nft-restore`]);
  return [...names, 'xtables-nft-multi'].some((name) => name.slice(0, 15) === program);
}
