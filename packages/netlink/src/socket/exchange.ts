import { fail, succeed } from '@signalbox/core';
import { type Acknowledgement, decodeAcknowledgement } from '../codec/acknowledgement.ts';
import { NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP } from '../codec/constants.ts';
import type { NetlinkMessage } from '../codec/message.ts';
import { type NetlinkError, type NetlinkResult } from '../result.ts';

/** One datagram and all replies of the kernel to it. */
export interface ExchangePlan {
  readonly operation: string;
  readonly datagram: Uint8Array;
  /** Sequence numbers of the messages that may be answered; the answer to the last one ends the exchange. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Whether an error about the first message is one about the whole datagram: no other message is answered then. */
  readonly refusesAll: (errno: number) => boolean;
  /** Takes the answers that are no acknowledgement. */
  readonly take: (message: NetlinkMessage) => void;
}

export interface ExchangeReport {
  /** Refusals and the last acknowledgement, by sequence number. */
  readonly acknowledgements: ReadonlyMap<number, Acknowledgement>;
  readonly interrupted: boolean;
}

export interface Exchange {
  /** Feeds what arrived. True when the exchange has come to its end. */
  readonly feed: (message: NetlinkMessage) => boolean;
  /** What came of it; an error if an answer could not be understood. */
  readonly report: () => NetlinkResult<ExchangeReport>;
}

export function startExchange(plan: ExchangePlan): Exchange {
  const acknowledgements = new Map<number, Acknowledgement>();
  const state: { interrupted: boolean; error?: NetlinkError } = { interrupted: false };
  const feed = (message: NetlinkMessage): boolean => {
    const { sequence, type } = message;
    if (sequence < plan.firstSequence || sequence > plan.lastSequence || type === NLMSG_NOOP) return false;
    if ((message.flags & NLM_F_DUMP_INTR) !== 0) state.interrupted = true;
    if (type !== NLMSG_ERROR && type !== NLMSG_DONE) {
      takeSafely(plan, message, state);
      return false;
    }
    const acknowledgement = decodeAcknowledgement(message);
    if (acknowledgement === undefined) {
      state.error ??= garbled(plan, 'a short NLMSG_ERROR');
      return sequence === plan.lastSequence;
    }
    const last = lastAnswered(plan, sequence, acknowledgement);
    for (let of = sequence; of <= last; of += 1) {
      if (acknowledgement.errno !== 0 || of === plan.lastSequence) acknowledgements.set(of, acknowledgement);
    }
    return last === plan.lastSequence;
  };
  const report = (): NetlinkResult<ExchangeReport> =>
    state.error === undefined
      ? succeed({ acknowledgements, interrupted: state.interrupted })
      : fail(state.error);
  return { feed, report };
}

/** The last message that this answers. */
function lastAnswered(
  { refusesAll, firstSequence, lastSequence }: ExchangePlan,
  sequence: number,
  { errno }: Acknowledgement,
): number {
  return sequence === firstSequence && refusesAll(errno) ? lastSequence : sequence;
}

function takeSafely(plan: ExchangePlan, message: NetlinkMessage, state: { error?: NetlinkError }): void {
  try {
    plan.take(message);
  } catch (error) {
    state.error ??= garbled(plan, error instanceof Error ? error.message : String(error));
  }
}

function garbled(plan: ExchangePlan, why: string): NetlinkError {
  return { code: 'protocol', operation: plan.operation, message: `invalid reply: ${why}` };
}
