/** The numbers that decide the connections of one service port. Kept by one thread, or in memory that several threads share. */
import type { DesiredEndpoint } from '@signalbox/core';
import type { Random } from './algorithm.ts';
import { createGates, type Gates } from './circuit-breaker.ts';
import { createEndpointTable, type EndpointTable } from './endpoint-table.ts';
import { createHealthStore, type HealthStore } from './outlier-detection.ts';
import { createSessionStore, type SessionStore } from './session-store.ts';
import { createTurns, type TurnsOf } from './turns.ts';

export interface UpstreamState {
  /** No other thread reads or writes the state until `decide` returns. */
  readonly exclusively: <T>(decide: () => T) => T;
  readonly gates: Gates;
  readonly table: EndpointTable;
  readonly health: HealthStore;
  readonly sessions: SessionStore;
  readonly turnsOf: TurnsOf;
  /** Decides the order of these endpoints, equally in all threads. */
  readonly orderOf: (endpoints: readonly DesiredEndpoint[]) => Random;
}

/** For one thread. */
export function createUpstreamState(random: Random): UpstreamState {
  return {
    exclusively: (decide) => decide(),
    gates: createGates(),
    table: createEndpointTable(),
    health: createHealthStore(),
    sessions: createSessionStore(),
    turnsOf: createTurns(),
    orderOf: () => random,
  };
}
