/** A worker thread: the data path of one thread, whose state is in memory that all worker threads share. */
import { hrtime } from 'node:process';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { systemClock } from '@signalbox/core/system-clock';
import { createOpenFiles } from '../driver/open-files.ts';
import { createLocalPool, type LocalPool } from '../driver/socket-pool.ts';
import type { OnConnectionEnd } from '../objects/connection-record.ts';
import { countsOfThread } from '../shared/shared-counts.ts';
import { openSharedMemory } from '../shared/shared-memory.ts';
import { createSharedState } from '../shared/shared-state.ts';
import type { Answers, Call, FromWorker, Kind, Request, WorkerSetup } from './protocol.ts';

/** Of the event loop of a thread. */
const OWN_FILES = 8;

/** `performance.now` begins with the thread; times in the shared memory are compared by all threads. */
function elapsed(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

function openPool(setup: WorkerSetup, onConnectionEnd: OnConnectionEnd): LocalPool {
  const { seat, countRows, hasRecords, udpTimeout, tcpIdleTimeout, drainTimeout } = setup;
  const memory = openSharedMemory(seat);
  const files = createOpenFiles(setup.files.limit, setup.files.used, setup.files.own);
  files.hold(OWN_FILES);
  return createLocalPool({
    clock: { ...systemClock, elapsed },
    udpTimeout,
    tcpIdleTimeout,
    drainTimeout,
    files,
    onConnectionEnd: hasRecords ? onConnectionEnd : null,
    shared: {
      counts: countsOfThread(countRows, seat.thread),
      stateOf: (name) => createSharedState({ memory, name, now: elapsed }),
      hasChecks: seat.thread === 0,
    },
  });
}

async function answerOf(pool: LocalPool, request: Request): Promise<Answers[Kind]> {
  switch (request.kind) {
    case 'restore':
      pool.setHostAddresses(request.hostAddresses);
      return pool.apply(request.listeners.map((listener) => ({ kind: 'listener-open', listener })));
    case 'apply':
      return pool.apply(request.operations);
    case 'host-addresses':
      pool.setHostAddresses(request.addresses);
      return null;
    case 'prune':
      pool.prune();
      return null;
    case 'connections':
      return pool.connections();
    case 'limits':
      return pool.limits();
    case 'ejected':
      return pool.ejected();
    case 'drain':
      await pool.drain();
      return null;
  }
}

function serve(port: MessagePort): void {
  const send = (message: FromWorker): void => port.postMessage(message, []);
  const pool = openPool(workerData as WorkerSetup, (record) => send({ record }));
  const answer = async ({ id, request }: Call): Promise<void> =>
    send({ id, answer: await answerOf(pool, request) });
  port.on('message', (call: Call) => void answer(call));
}

if (parentPort === null) throw new Error('a worker thread of userspace mode, not a program');
serve(parentPort);
