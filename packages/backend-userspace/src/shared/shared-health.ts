/** The health of the endpoints of one service port, as all threads have seen it. */
import type { DesiredEndpoint } from '@signalbox/core';
import { endpointName } from '../balance/endpoint-name.ts';
import type { Health, HealthStore } from '../balance/outlier-detection.ts';
import { HEADER } from './layout.ts';
import { createNames } from './names.ts';
import { createCell, type Cell, type SharedMemory } from './shared-memory.ts';
import { KEPT_MS, type StateParts } from './state-parts.ts';

/** Indexes of the numbers of a block; the two times take two numbers each. */
const EJECTED_UNTIL = 0;
const ENDED_AT = 2;
const FAILURES = 4;
const EJECTIONS = 5;
const FAILED_CHECKS = 6;
const SHAPE = { gauges: 0, numbers: 7 };

interface Known {
  readonly endpoint: DesiredEndpoint;
  readonly cell: Cell;
}

export function createSharedHealth({ memory, name, now }: StateParts): HealthStore {
  const { ints } = memory;
  const names = createNames<Known>();
  const knownOf = (endpoint: DesiredEndpoint): Known => {
    const key = endpointName(endpoint);
    return names.of(key, () => ({ endpoint, cell: createCell(memory, `${name} health ${key}`, SHAPE) }));
  };
  const find = (endpoint: DesiredEndpoint): Health | undefined => {
    const { cell } = knownOf(endpoint);
    if (cell.find() === 0) return undefined;
    return healthAt(memory, cell.numbers(cell.use(now(), now() + KEPT_MS)));
  };
  return {
    get isEmpty() {
      return Atomics.load(ints, HEADER.hasHealth) === 0;
    },
    get version() {
      return Atomics.load(ints, HEADER.version);
    },
    changed: () => void Atomics.add(ints, HEADER.version, 1),
    find,
    make(endpoint, time) {
      const { cell } = knownOf(endpoint);
      const health = healthAt(memory, cell.numbers(cell.use(time, time + KEPT_MS)));
      health.ejectedUntil = null;
      health.endedAt = time;
      Atomics.store(ints, HEADER.hasHealth, 1);
      return health;
    },
    all: () =>
      names.all().flatMap(({ endpoint }) => {
        const health = find(endpoint);
        return health === undefined ? [] : [[endpoint, health] as const];
      }),
  };
}

/** Valid while the lock is held. */
function healthAt({ ints, floats }: SharedMemory, at: number): Health {
  const number = (offset: number) => ({
    get: () => ints[at + offset] ?? 0,
    set: (value: number) => void (ints[at + offset] = value),
    enumerable: true,
  });
  const time = (offset: number) => ({
    get: () => floats[(at + offset) >> 1] ?? 0,
    set: (value: number) => void (floats[(at + offset) >> 1] = value),
    enumerable: true,
  });
  const until = time(EJECTED_UNTIL);
  return Object.defineProperties({} as Health, {
    failures: number(FAILURES),
    ejections: number(EJECTIONS),
    failedChecks: number(FAILED_CHECKS),
    endedAt: time(ENDED_AT),
    // No ejection ends at 0.
    ejectedUntil: {
      get: () => until.get() || null,
      set: (value: number | null) => until.set(value ?? 0),
      enumerable: true,
    },
  });
}
