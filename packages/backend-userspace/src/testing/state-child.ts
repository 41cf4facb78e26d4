/** A thread that opens and ends connections as fast as it can: `workerData` is its part. Posts how often each endpoint was chosen. */
import { parentPort, workerData } from 'node:worker_threads';
import type { BalancingAlgorithm, ConnectionPolicy, DesiredEndpoint } from '@signalbox/core';
import { noCounts } from '../driver/data-path.ts';
import { createUpstream } from '../driver/upstream.ts';
import { createCell, openSharedMemory, type Seat } from '../shared/shared-memory.ts';
import { createSharedState } from '../shared/shared-state.ts';

export interface StatePart {
  readonly seat: Seat;
  /** Counts the threads that have started: all begin together. */
  readonly started: Int32Array;
  /** The thread sleeps between the check of a limit and its effect, and within `exclusively`. */
  readonly isSlow: boolean;
  /** Connections that are admitted. */
  readonly rounds: number;
  readonly endpoints: readonly DesiredEndpoint[];
  readonly balancing: BalancingAlgorithm;
  readonly connections?: ConnectionPolicy;
}

export interface StateOutcome {
  readonly chosen: readonly number[];
  /** The most connections that were admitted at a time, of all threads. */
  readonly most: number;
}

/** A number to which each thread adds its rounds, one by one. */
const SUM = 'sum';

const { seat, started, isSlow, rounds, endpoints, balancing, connections } = workerData as StatePart;
const memory = openSharedMemory(seat);
const clock = { elapsed: () => 0, random: () => Math.random() };
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const sleep = (): number => {
  if (isSlow) Atomics.wait(sleeper, 0, 0, 1);
  return 0;
};
const state = createSharedState({ memory, name: 'shop/web:http', now: sleep });
const upstream = createUpstream(clock, noCounts().upstream, state);
const policies = { affinity: null, balancing, ...(connections === undefined ? {} : { connections }) };
Atomics.add(started, 0, 1);
while (Atomics.load(started, 0) < seat.threads) Atomics.wait(sleeper, 0, 0, 1);
const sum = createCell(memory, SUM, { gauges: 0, numbers: 1 });
for (let round = 0; round < rounds; round++) {
  memory.exclusively(() => {
    const at = sum.numbers(sum.use(0, 1));
    const before = memory.ints[at] ?? 0;
    sleep();
    memory.ints[at] = before + 1;
  });
}
const chosen = endpoints.map(() => 0);
const seen = { most: 0 };
for (let round = 0; round < rounds;) {
  const admission = upstream.admit(policies);
  if (admission === null) continue;
  seen.most = Math.max(seen.most, upstream.limits(policies)[0]?.now ?? 0);
  const choice = { policies, endpoints, client: '192.0.2.1' };
  const { candidates, release } = upstream.choose(choice, 1);
  const at = endpoints.indexOf(candidates[0] as DesiredEndpoint);
  upstream.connected(choice, endpoints[at] as DesiredEndpoint);
  chosen[at] = (chosen[at] ?? 0) + 1;
  release();
  admission.end();
  round++;
}
parentPort?.postMessage({ chosen, ...seen } satisfies StateOutcome, []);
