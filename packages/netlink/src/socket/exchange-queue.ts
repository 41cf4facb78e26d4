import { type Clock, fail, succeed } from '@signalbox/core';
import type { NetlinkProtocol } from '../codec/constants.ts';
import { decodeMessages } from '../codec/message.ts';
import { type NetlinkError, type NetlinkResult } from '../result.ts';
import type { DatagramSocket, OpenDatagramSocket } from './datagram-socket.ts';
import { type Exchange, type ExchangePlan, type ExchangeReport, startExchange } from './exchange.ts';

/** Makes the plan when its turn has come: it may depend on the socket and takes the next sequence numbers. */
type PlanExchange = (socket: DatagramSocket) => ExchangePlan;

interface Job {
  readonly operation: string;
  readonly plan: PlanExchange;
  readonly resolve: (result: NetlinkResult<ExchangeReport>) => void;
}

interface RunningJob extends Job {
  readonly exchange: Exchange;
  /** In milliseconds of `elapsed()`: when it was sent, or an answer last arrived. */
  lastAnswer: number;
  cancelTimer: () => void;
}

export interface QueueOptions {
  readonly protocol: NetlinkProtocol;
  readonly open: OpenDatagramSocket;
  readonly timeoutMilliseconds: number;
  readonly clock: Clock;
}

/**
 * One exchange at a time. The kernel handles a datagram within the sending call, so a second one in
 * flight would gain nothing, and could only fill the receive buffer or disturb a dump.
 * After a failure of the socket, or an answer that did not come, the socket is replaced: late answers and
 * a half-read dump go with the old one.
 */
export interface ExchangeQueue {
  run(operation: string, plan: PlanExchange): Promise<NetlinkResult<ExchangeReport>>;
  close(): void;
}

interface Queue {
  readonly options: QueueOptions;
  readonly waiting: Job[];
  socket: DatagramSocket | undefined;
  running: RunningJob | undefined;
  isClosed: boolean;
}

export function createExchangeQueue(options: QueueOptions): ExchangeQueue {
  const queue: Queue = { options, waiting: [], socket: undefined, running: undefined, isClosed: false };
  return {
    run(operation, plan) {
      if (queue.isClosed) return Promise.resolve(fail(closedError(operation)));
      return new Promise((resolve) => {
        queue.waiting.push({ operation, plan, resolve });
        startNext(queue);
      });
    },
    close() {
      if (queue.isClosed) return;
      queue.isClosed = true;
      replaceSocket(queue, closedError('close'));
      for (const job of queue.waiting.splice(0)) job.resolve(fail(closedError(job.operation)));
    },
  };
}

function startNext(queue: Queue): void {
  while (queue.running === undefined && !queue.isClosed) {
    const job = queue.waiting.shift();
    if (job === undefined) return;
    const socket = socketForUse(queue);
    if (socket.ok) begin(queue, job, socket.value);
    else job.resolve(fail({ ...socket.error, message: `${socket.error.message} (for ${job.operation})` }));
  }
}

function socketForUse(queue: Queue): NetlinkResult<DatagramSocket> {
  if (queue.socket !== undefined) return succeed(queue.socket);
  const opened = queue.options.open(queue.options.protocol, {
    received: (datagrams) => receive(queue, datagrams),
    failed: (error) => replaceSocket(queue, error),
  });
  if (opened.ok) queue.socket = opened.value;
  return opened;
}

function begin(queue: Queue, job: Job, socket: DatagramSocket): void {
  try {
    const plan = job.plan(socket);
    const { clock, timeoutMilliseconds } = queue.options;
    const lastAnswer = clock.elapsed();
    const cancelTimer = clock.schedule(timeoutMilliseconds, () => checkSilence(queue));
    queue.running = { ...job, exchange: startExchange(plan), lastAnswer, cancelTimer };
    socket.setWaiting('waiting');
    socket.send(plan.datagram, (error) => replaceSocket(queue, error));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const failure = fail<NetlinkError>({ code: 'rejected', operation: job.operation, message });
    if (queue.running === undefined) job.resolve(failure);
    else finish(queue, failure);
  }
}

function receive(queue: Queue, datagrams: readonly Buffer[]): void {
  // A listing of a million entries may take longer than the limit; silence may not.
  if (queue.running !== undefined) queue.running.lastAnswer = queue.options.clock.elapsed();
  for (const message of datagrams.flatMap(decodeMessages)) {
    const exchange = queue.running?.exchange;
    if (exchange?.feed(message) === true) finish(queue, exchange.report());
  }
}

function checkSilence(queue: Queue): void {
  const job = queue.running;
  if (job === undefined) return;
  const { clock, timeoutMilliseconds } = queue.options;
  const left = job.lastAnswer + timeoutMilliseconds - clock.elapsed();
  if (left > 0) {
    job.cancelTimer = clock.schedule(left, () => checkSilence(queue));
    return;
  }
  const message = `no answer within ${timeoutMilliseconds} ms`;
  replaceSocket(queue, { code: 'timeout', operation: 'recvmsg', message });
}

function replaceSocket(queue: Queue, error: NetlinkError): void {
  queue.socket?.close();
  queue.socket = undefined;
  const operation = queue.running?.operation ?? error.operation;
  finish(queue, fail({ ...error, operation, message: `${error.message} (${error.operation})` }));
}

function finish(queue: Queue, result: NetlinkResult<ExchangeReport>): void {
  const job = queue.running;
  if (job === undefined) return;
  job.cancelTimer();
  queue.running = undefined;
  queue.socket?.setWaiting('idle');
  job.resolve(result);
  startNext(queue);
}

function closedError(operation: string): NetlinkError {
  return { code: 'unavailable', operation, message: 'the socket is closed' };
}
