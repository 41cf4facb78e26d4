import { fail, succeed } from '@signalbox/core';
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
  readonly timer: NodeJS.Timeout;
}

export interface QueueOptions {
  readonly protocol: NetlinkProtocol;
  readonly open: OpenDatagramSocket;
  readonly timeoutMilliseconds: number;
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
      const timer = setTimeout(() => this.#expire(), this.#options.timeoutMilliseconds);
      this.#running = { ...job, exchange: startExchange(plan), timer };
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
    this.#running?.timer.refresh();
    for (const message of datagrams.flatMap(decodeMessages)) {
      const exchange = this.#running?.exchange;
      if (exchange?.feed(message) === true) this.#finish(exchange.report());
    }
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
    clearTimeout(job.timer);
    this.#running = undefined;
    this.#socket?.setWaiting('idle');
    job.resolve(result);
    this.#startNext();
  }
}

function closedError(operation: string): NetlinkError {
  return { code: 'unavailable', operation, message: 'the socket is closed' };
}
