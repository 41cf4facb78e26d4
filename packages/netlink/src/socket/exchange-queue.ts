import { type Clock, fail, succeed } from '@signalbox/core';
import type { NetlinkProtocol } from '../codec/constants.ts';
import { decodeMessages } from '../codec/message.ts';
import { type NetlinkError, type NetlinkResult } from '../result.ts';
import type { DatagramSocket, OpenDatagramSocket } from './datagram-socket.ts';
import { type Exchange, type ExchangePlan, type ExchangeReport, startExchange } from './exchange.ts';

/** Makes the plan when its turn has come: it may depend on the socket and takes the next sequence numbers. */
export type PlanExchange = (socket: DatagramSocket) => ExchangePlan;

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
export class ExchangeQueue {
  readonly #options: QueueOptions;
  readonly #waiting: Job[] = [];
  #socket: DatagramSocket | undefined;
  #running: RunningJob | undefined;
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  run(operation: string, plan: PlanExchange): Promise<NetlinkResult<ExchangeReport>> {
    if (this.#closed) return Promise.resolve(fail(closedError(operation)));
    return new Promise((resolve) => {
      this.#waiting.push({ operation, plan, resolve });
      this.#startNext();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#replaceSocket(closedError('close'));
    for (const job of this.#waiting.splice(0)) job.resolve(fail(closedError(job.operation)));
  }

  #startNext(): void {
    while (this.#running === undefined && !this.#closed) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      const socket = this.#socketForUse();
      if (socket.ok) this.#begin(job, socket.value);
      else job.resolve(fail({ ...socket.error, message: `${socket.error.message} (for ${job.operation})` }));
    }
  }

  #socketForUse(): NetlinkResult<DatagramSocket> {
    if (this.#socket !== undefined) return succeed(this.#socket);
    const opened = this.#options.open(this.#options.protocol, {
      received: (datagrams) => this.#received(datagrams),
      failed: (error) => this.#replaceSocket(error),
    });
    if (opened.ok) this.#socket = opened.value;
    return opened;
  }

  #begin(job: Job, socket: DatagramSocket): void {
    try {
      const plan = job.plan(socket);
      const { clock, timeoutMilliseconds } = this.#options;
      const lastAnswer = clock.elapsed();
      const cancelTimer = clock.schedule(timeoutMilliseconds, () => this.#checkSilence());
      this.#running = { ...job, exchange: startExchange(plan), lastAnswer, cancelTimer };
      socket.setWaiting('waiting');
      socket.send(plan.datagram, (error) => this.#replaceSocket(error));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const failure = fail<NetlinkError>({ code: 'rejected', operation: job.operation, message });
      if (this.#running === undefined) job.resolve(failure);
      else this.#finish(failure);
    }
  }

  #received(datagrams: readonly Buffer[]): void {
    // A listing of a million entries may take longer than the limit; silence may not.
    if (this.#running !== undefined) this.#running.lastAnswer = this.#options.clock.elapsed();
    for (const message of datagrams.flatMap(decodeMessages)) {
      const exchange = this.#running?.exchange;
      if (exchange?.feed(message) === true) this.#finish(exchange.report());
    }
  }

  #checkSilence(): void {
    const job = this.#running;
    if (job === undefined) return;
    const { clock, timeoutMilliseconds } = this.#options;
    const left = job.lastAnswer + timeoutMilliseconds - clock.elapsed();
    if (left <= 0) this.#expire();
    else job.cancelTimer = clock.schedule(left, () => this.#checkSilence());
  }

  #expire(): void {
    const message = `no answer within ${this.#options.timeoutMilliseconds} ms`;
    this.#replaceSocket({ code: 'timeout', operation: 'recvmsg', message });
  }

  #replaceSocket(error: NetlinkError): void {
    this.#socket?.close();
    this.#socket = undefined;
    const operation = this.#running?.operation ?? error.operation;
    this.#finish(fail({ ...error, operation, message: `${error.message} (${error.operation})` }));
  }

  #finish(result: NetlinkResult<ExchangeReport>): void {
    const job = this.#running;
    if (job === undefined) return;
    job.cancelTimer();
    this.#running = undefined;
    this.#socket?.setWaiting('idle');
    job.resolve(result);
    this.#startNext();
  }
}

function closedError(operation: string): NetlinkError {
  return { code: 'unavailable', operation, message: 'the socket is closed' };
}
