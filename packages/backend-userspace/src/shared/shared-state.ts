/** The state of one service port in shared memory. */
import type { Gate, Limit } from '../balance/circuit-breaker.ts';
import type { UpstreamState } from '../balance/upstream-state.ts';
import { nameHash, seeded } from './name-hash.ts';
import { createSharedEndpoints } from './shared-endpoints.ts';
import { createSharedHealth } from './shared-health.ts';
import { createSharedSessions } from './shared-sessions.ts';
import { createCell, type Cell } from './shared-memory.ts';
import { createSharedTurns } from './shared-turns.ts';
import { KEPT_MS, listName, type StateParts } from './state-parts.ts';

const LIMITS: readonly Limit[] = ['connections', 'pending connects', 'retries'];

export function createSharedState(parts: StateParts): UpstreamState {
  const { memory, name } = parts;
  const cell = createCell(memory, name, { gauges: LIMITS.length, numbers: LIMITS.length });
  const gate = (at: number): Gate => createSharedGate(cell, at, parts);
  return {
    exclusively: memory.exclusively,
    gates: { connections: gate(0), 'pending connects': gate(1), retries: gate(2) },
    table: createSharedEndpoints(parts),
    health: createSharedHealth(parts),
    sessions: createSharedSessions(parts),
    turnsOf: createSharedTurns(parts),
    orderOf: (endpoints) => seeded(nameHash(`${name} ${listName(endpoints)}`, memory.seed).low),
  };
}

function createSharedGate(cell: Cell, gate: number, { memory: { ints }, now }: StateParts): Gate {
  const use = (): number => cell.use(now(), now() + KEPT_MS);
  const refusedAt = (at: number): number => cell.numbers(at) + gate;
  return {
    get now() {
      const at = cell.find();
      return at === 0 ? 0 : cell.gauge(at, gate);
    },
    get refused() {
      const at = cell.find();
      return at === 0 ? 0 : (ints[refusedAt(at)] ?? 0);
    },
    enter: () => cell.add(use(), gate, 1),
    // The block is where it was, because of the gauge.
    leave: () => cell.add(cell.find(), gate, -1),
    refuse() {
      const at = refusedAt(use());
      ints[at] = (ints[at] ?? 0) + 1;
    },
  };
}
