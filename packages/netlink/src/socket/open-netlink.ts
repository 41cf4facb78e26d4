import { type Clock, fail, succeed } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { refusal } from '../codec/errno.ts';
import type { NetlinkProtocol } from '../codec/constants.ts';
import {
  encodeRequests,
  type NetlinkMessage,
  type NetlinkRequest,
  type RequestMode,
} from '../codec/message.ts';
import { mapResult, type NetlinkError, type NetlinkResult } from '../result.ts';
import { batchEnd, type BatchLimits } from './batches.ts';
import { type DatagramSocket, openDatagramSocket, type OpenDatagramSocket } from './datagram-socket.ts';
import type { ExchangePlan, ExchangeReport } from './exchange.ts';
import { createExchangeQueue, type ExchangeQueue } from './exchange-queue.ts';
import type { Dump, NetlinkTransport, Outcomes, Transaction } from './transport.ts';

/** Timeout of the kernel's answers, and the socket that a client uses. */
export interface NetlinkOptions {
  /** The longest wait for a reply of the kernel; 5,000 ms by default. Its commands take microseconds. */
  readonly timeoutMilliseconds?: number;
  /** Where datagrams come from and go to: the kernel by default. */
  readonly open?: OpenDatagramSocket;
  /** By default that of the process. */
  readonly clock?: Clock;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/** As kube-proxy does (S45): the sixth answer is taken as it is. */
const DUMP_TRIES = 6;

/**
 * The kernel works within the sending call, on the event loop. Some commands take 50 µs (a new address),
 * so 512 of them hold the loop for some 25 ms at most.
 */
const DATAGRAM_REQUESTS = 512;
const DATAGRAM_BYTES = 128 << 10;

/** Of the receive buffer: the rest is for what the estimate of an answer's cost does not know. */
const REPLY_SHARE = 0.5;

/** Opens no socket yet: that happens at the first request, and again after a failure. */
export function openNetlink(protocol: NetlinkProtocol, options: NetlinkOptions = {}): NetlinkTransport {
  const queue = createExchangeQueue({
    protocol,
    open: options.open ?? openDatagramSocket,
    timeoutMilliseconds: options.timeoutMilliseconds ?? DEFAULT_TIMEOUT_MS,
    clock: options.clock ?? systemClock,
  });
  const session: Session = { queue, nextSequence: sequences(), refusesAll: REFUSES_ALL[protocol] };
  return {
    request: (request) => runRequest(session, request),
    requestAll: (requests) => runAll(session, requests),
    transaction: (transaction) => runTransaction(session, transaction),
    dump: (request, read) => runDump(session, { request, read }),
    close: () => queue.close(),
  };
}

const EPERM = 1;

/** nfnetlink reports once for the whole datagram that the caller lacks CAP_NET_ADMIN; other families for each message. */
const REFUSES_ALL: Readonly<Record<NetlinkProtocol, ExchangePlan['refusesAll']>> = {
  netfilter: (errno) => errno === EPERM,
  route: () => false,
  generic: () => false,
};

interface Session {
  readonly queue: ExchangeQueue;
  /** Reserves `count` numbers in a row and gives the first. */
  readonly nextSequence: (count: number) => number;
  readonly refusesAll: ExchangePlan['refusesAll'];
}

function sequences(): (count: number) => number {
  const state = { next: 1 };
  return (count) => {
    if (state.next + count > 0xffff_ffff) state.next = 1;
    const first = state.next;
    state.next += count;
    return first;
  };
}

interface Posting {
  readonly operation: string;
  /** The messages of the datagram; asked when its turn has come and the socket is there. */
  readonly choose: (socket: DatagramSocket) => readonly NetlinkRequest[];
  readonly mode: RequestMode;
  readonly take: (message: NetlinkMessage) => void;
  /** Messages of the datagram behind the one whose answer ends the exchange. */
  readonly unanswered?: number;
  readonly refusesAll?: ExchangePlan['refusesAll'];
}

interface Posted extends ExchangeReport {
  readonly requests: readonly NetlinkRequest[];
  readonly firstSequence: number;
}

/** One datagram: one message, mostly the last, asks for an acknowledgement; the others are answered only if refused. */
async function post(session: Session, posting: Posting): Promise<NetlinkResult<Posted>> {
  const { operation, take, unanswered = 0, refusesAll = session.refusesAll } = posting;
  const chosen = { requests: [] as readonly NetlinkRequest[], firstSequence: 0 };
  const result = await session.queue.run(operation, (socket) => {
    chosen.requests = posting.choose(socket);
    chosen.firstSequence = session.nextSequence(chosen.requests.length);
    const { requests, firstSequence } = chosen;
    const last = requests.length - 1 - unanswered;
    const datagram = datagramOf(chosen, { mode: posting.mode, at: last });
    return { operation, datagram, firstSequence, lastSequence: firstSequence + last, refusesAll, take };
  });
  return mapResult(result, (report) => ({ ...report, ...chosen }));
}

function datagramOf(
  { requests, firstSequence }: Omit<Posted, keyof ExchangeReport>,
  answered: { readonly mode: RequestMode; readonly at: number },
): Buffer {
  return encodeRequests(requests, (at) => {
    const mode = at === answered.at ? answered.mode : 'silent';
    return { sequence: firstSequence + at, mode };
  });
}

async function runRequest(
  session: Session,
  request: NetlinkRequest,
): Promise<NetlinkResult<readonly NetlinkMessage[]>> {
  const messages: NetlinkMessage[] = [];
  const posted = await post(session, {
    operation: request.operation,
    choose: () => [request],
    mode: 'acknowledge',
    take: (message) => messages.push(message),
  });
  if (!posted.ok) return posted;
  const error = refusalAt(posted.value, 0);
  return error === undefined ? succeed(messages) : fail(error);
}

async function runAll(
  session: Session,
  requests: readonly NetlinkRequest[],
): Promise<NetlinkResult<Outcomes>> {
  const outcomes: (NetlinkError | undefined)[] = [];
  while (outcomes.length < requests.length) {
    const from = outcomes.length;
    const posted = await post(session, {
      operation: requests[from]?.operation ?? 'batch',
      choose: (socket) => requests.slice(from, batchEnd(requests, from, limitsOf(socket))),
      mode: 'acknowledge',
      take: () => {},
    });
    if (!posted.ok) return posted;
    posted.value.requests.forEach((_, at) => outcomes.push(refusalAt(posted.value, at)));
  }
  return succeed(outcomes);
}

/**
 * The kernel acknowledges the end of a batch only since 6.10: the last request before it is asked for the answer. A
 * refusal of the batch itself (no such subsystem, a generation that has passed, a failed commit) is reported for `begin`,
 * and may be followed by an acknowledgement that means nothing.
 */
async function runTransaction(
  session: Session,
  { begin, requests, end }: Transaction,
): Promise<NetlinkResult<null>> {
  const posted = await post(session, {
    operation: requests[0]?.operation ?? begin.operation,
    choose: () => [begin, ...requests, end],
    mode: 'acknowledge',
    take: () => {},
    unanswered: 1,
    refusesAll: (errno) => errno !== 0,
  });
  if (!posted.ok) return posted;
  const whole = refusalAt(posted.value, 0);
  if (whole !== undefined) return fail(whole);
  const errors = requests.map((_, index) => refusalAt(posted.value, index + 1));
  const index = errors.findIndex((error) => error !== undefined);
  const error = errors[index];
  if (error === undefined) return succeed(null);
  return fail({ ...error, index, ...(error.index === undefined ? {} : { item: error.index }) });
}

function limitsOf(socket: DatagramSocket): BatchLimits {
  return {
    replyBytes: socket.receiveBufferBytes * REPLY_SHARE,
    datagramBytes: Math.min(DATAGRAM_BYTES, socket.sendBufferBytes / 2),
    requests: DATAGRAM_REQUESTS,
  };
}

interface DumpRun<T> {
  readonly request: NetlinkRequest;
  readonly read: (message: NetlinkMessage) => T | undefined;
}

async function runDump<T>(session: Session, run: DumpRun<T>): Promise<NetlinkResult<Dump<T>>> {
  for (let tries = 1; ; tries += 1) {
    const result = await dumpOnce(session, run);
    if (tries === DUMP_TRIES || !isWorthAnotherTry(result)) return result;
  }
}

function isWorthAnotherTry(result: NetlinkResult<Dump<unknown>>): boolean {
  return result.ok ? result.value.quality === 'interrupted' : result.error.errnoName === 'EINTR';
}

async function dumpOnce<T>(session: Session, run: DumpRun<T>): Promise<NetlinkResult<Dump<T>>> {
  const items: T[] = [];
  const posted = await post(session, {
    operation: run.request.operation,
    choose: () => [run.request],
    mode: 'dump',
    take: (message) => {
      const item = run.read(message);
      if (item !== undefined) items.push(item);
    },
  });
  if (!posted.ok) return posted;
  const error = refusalAt(posted.value, 0);
  if (error !== undefined) return fail(error);
  return succeed({ items, quality: posted.value.interrupted ? 'interrupted' : 'consistent' });
}

/** The error of the request at `index` of a datagram; `undefined` if the kernel did not reject it. */
function refusalAt(posted: Posted, index: number): NetlinkError | undefined {
  const request = posted.requests[index];
  const acknowledgement = posted.acknowledgements.get(posted.firstSequence + index);
  if (request === undefined || acknowledgement === undefined || acknowledgement.errno === 0) return undefined;
  return refusal(request, acknowledgement);
}
