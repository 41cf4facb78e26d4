/** Separates the effect of rules on connections from that of a loaded machine. Pure. */
import type { Attempt } from './agent/protocol.ts';
import { formatAttempts, mismatches, type ReplayRow } from './check-replay.ts';

export interface Stream {
  readonly row: ReplayRow;
  readonly attempts: Attempt[];
}

export interface StreamEvidence {
  readonly streams: readonly Stream[];
  /** Host → SYNs that it had to send again. */
  readonly repeatedSyns: ReadonlyMap<string, number>;
  /** Milliseconds: the longest time without an answer to connections that meet no rule. */
  readonly controlWaited: number;
  /** Milliseconds until an attempt counted as unanswered. */
  readonly patience: number;
}

export interface StreamVerdict {
  /** What differs from what the rows expect, in words; empty: nothing. */
  readonly problems: readonly string[];
  /**
   * No connection was refused or sent to a wrong endpoint, there were only delays, and the control was delayed as long:
   * this proves neither that the rules are right nor that they are wrong.
   */
  readonly tooSlow: boolean;
}

/** Milliseconds until a kernel sends a SYN again, less one tick of the slowest clock on each side. */
const SYN_REPEATED = 1000 - 2 * 10;

export function checkStreams({
  streams,
  repeatedSyns,
  controlWaited,
  patience,
}: StreamEvidence): StreamVerdict {
  const wrong: string[] = [];
  const late: string[] = [];
  for (const { row, attempts } of streams) {
    const way = `${row.packet.source} to ${row.packet.destination}`;
    const silent = attempts.filter(({ kind }) => kind === 'silent');
    const others = attempts.filter(({ kind }) => kind !== 'silent');
    wrong.push(...mismatches(row, others).map((text) => `${way}: ${text}`));
    if (silent.length > 0) late.push(`${way}: ${formatAttempts(silent)}`);
  }
  const unanswered = late.length > 0;
  for (const [name, count] of repeatedSyns) {
    if (count > 0) late.push(`${name} had to send ${count} SYNs again`);
  }
  const excused = controlWaited >= (unanswered ? patience : SYN_REPEATED);
  return { problems: [...wrong, ...late], tooSlow: wrong.length === 0 && late.length > 0 && excused };
}
