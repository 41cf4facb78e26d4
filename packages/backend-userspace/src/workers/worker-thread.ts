/** One worker thread, which is replaced when it ends. */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '@signalbox/core';
import type { ConnectionRecord } from '../objects/connection-record.ts';
import type { Answers, Call, FromWorker, Kind, Request } from './protocol.ts';

export interface WorkerThread {
  /** `null`: the thread cannot be started. A request that a thread did not answer before it ended is sent to its successor. */
  request<K extends Kind>(request: Extract<Request, { kind: K }>): Promise<Answers[K] | null>;
  /** After the answer to `drain`. */
  end(): Promise<void>;
}

export interface WorkerThreadOptions {
  readonly start: () => Worker;
  /** The first request to each thread, at any time. */
  readonly restoration: () => Extract<Request, { kind: 'restore' }>;
  readonly onRestored: (results: Answers['restore']) => void;
  readonly onRecord: (record: ConnectionRecord) => void;
  /** The thread has ended unexpectedly; before its successor starts. */
  readonly onFailure: (reason: string) => void;
  readonly clock: Pick<Clock, 'schedule'>;
}

/** A thread that ends before it has its listeners would end again: the next one starts later. */
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 60_000;

interface Pending {
  readonly request: Request;
  readonly resolve: (answer: Answers[Kind] | null) => void;
}

interface State {
  readonly pending: Map<number, Pending>;
  /** `null`: the next one starts later. */
  worker: Worker | null;
  lastId: number;
  isEnding: boolean;
  delay: number;
  stopTimer: () => void;
}

export function startWorkerThread(options: WorkerThreadOptions): WorkerThread {
  const state: State = {
    pending: new Map(),
    worker: null,
    lastId: 0,
    isEnding: false,
    delay: FIRST_DELAY_MS,
    stopTimer: () => {},
  };
  start(state, options);
  return {
    request: <K extends Kind>(request: Extract<Request, { kind: K }>) =>
      new Promise<Answers[K] | null>((resolve) => {
        if (request.kind === 'drain') state.isEnding = true;
        if (state.worker === null) return resolve(null);
        const id = ++state.lastId;
        state.pending.set(id, { request, resolve: resolve as Pending['resolve'] });
        send(state.worker, { id, request });
      }),
    async end() {
      state.isEnding = true;
      state.stopTimer();
      await state.worker?.terminate();
    },
  };
}

function send(worker: Worker, call: Call): void {
  worker.postMessage(call, []);
}

function start(state: State, options: WorkerThreadOptions): void {
  const worker = options.start();
  const life = { isRestored: false, reason: null as string | null };
  state.worker = worker;
  const restoring = ++state.lastId;
  worker.on('message', (message: FromWorker) => {
    if ('record' in message) return options.onRecord(message.record);
    if (message.id === restoring) {
      life.isRestored = true;
      state.delay = FIRST_DELAY_MS;
      return options.onRestored(message.answer as Answers['restore']);
    }
    state.pending.get(message.id)?.resolve(message.answer);
    state.pending.delete(message.id);
  });
  worker.once('error', (error: Error) => void (life.reason = error.message));
  worker.once('exit', (status) => {
    state.worker = null;
    if (!state.isEnding) options.onFailure(life.reason ?? `ended with status ${status}`);
    if (!state.isEnding && life.isRestored) return start(state, options);
    giveUp(state);
    if (!state.isEnding) startLater(state, options);
  });
  send(worker, { id: restoring, request: options.restoration() });
  for (const [id, { request }] of state.pending) send(worker, { id, request });
}

function giveUp({ pending }: State): void {
  for (const { resolve } of pending.values()) resolve(null);
  pending.clear();
}

function startLater(state: State, options: WorkerThreadOptions): void {
  state.stopTimer = options.clock.schedule(state.delay, () => start(state, options));
  state.delay = Math.min(LONGEST_DELAY_MS, state.delay * 2);
}
