/** Connections of one service port to each of its endpoints, through all threads. */
import type { DesiredEndpoint, EndpointCount } from '@signalbox/core';
import { endpointName } from '../balance/endpoint-name.ts';
import type { EndpointTable } from '../balance/endpoint-table.ts';
import { createNames } from './names.ts';
import { createCell, type Cell, type SharedMemory } from './shared-memory.ts';
import { KEPT_MS, type StateParts } from './state-parts.ts';

const ACTIVE = 0;

interface Known {
  readonly cell: Cell;
  /** `null`: this thread has opened no connection to it. */
  endpoint: DesiredEndpoint | null;
}

export function createSharedEndpoints({ memory, name, now }: StateParts): EndpointTable {
  const { floats, thread, threads } = memory;
  const names = createNames<Known>();
  // Each thread adds to a 64-bit float of its own: 32 bits would overflow after days.
  const shape = { gauges: 1, numbers: 2 * threads };
  const knownOf = (endpoint: string): Known =>
    names.of(endpoint, () => ({
      cell: createCell(memory, `${name} endpoint ${endpoint}`, shape),
      endpoint: null,
    }));
  const use = (endpoint: DesiredEndpoint) => {
    const known = knownOf(endpointName(endpoint));
    known.endpoint = endpoint;
    return { cell: known.cell, block: known.cell.use(now(), now() + KEPT_MS) };
  };
  return {
    open(endpoint) {
      const { cell, block } = use(endpoint);
      cell.add(block, ACTIVE, 1);
      return () => cell.add(block, ACTIVE, -1);
    },
    count(endpoint) {
      const { cell, block } = use(endpoint);
      const at = (cell.numbers(block) >> 1) + thread;
      floats[at] = (floats[at] ?? 0) + 1;
    },
    active(endpoint) {
      const { cell } = knownOf(endpoint);
      const block = cell.find();
      return block === 0 ? 0 : cell.gauge(block, ACTIVE);
    },
    all: () => names.all().flatMap((known) => countOf(known, memory)),
  };
}

/** Empty: this thread has not used the endpoint. */
function countOf({ cell, endpoint }: Known, { floats, threads }: SharedMemory): readonly EndpointCount[] {
  const block = cell.find();
  if (endpoint === null || block === 0) return [];
  const from = cell.numbers(block) >> 1;
  const connections = floats.subarray(from, from + threads).reduce((sum, each) => sum + each, 0);
  const { address, port } = endpoint;
  return [{ address, port, connections, active: cell.gauge(block, ACTIVE) }];
}
