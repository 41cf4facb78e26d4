/**
 * Chooses the endpoints of a new connection: that of the client's session affinity, or by the algorithm of the Service; then the ones
 * after it, in an order that is shuffled when the endpoints change. Pure: time and randomness are arguments.
 */
import {
  BALANCING_ALGORITHMS,
  maglevSlot,
  maglevTable,
  type BalancingAlgorithm,
  type BalancingSupport,
  type DesiredEndpoint,
  type DesiredServicePort,
} from '@signalbox/core';
import { perList, type Algorithm, type AlgorithmRequest, type Random } from '../balance/algorithm.ts';
import { createLeastConnections } from '../balance/least-connections.ts';
import { createRandomChoice } from '../balance/random.ts';
import { createRoundRobin } from '../balance/round-robin.ts';
import type { TurnsOf } from '../balance/turns.ts';
import { createUpstreamState, type UpstreamState } from '../balance/upstream-state.ts';
import { createAffinityTable } from './session-affinity.ts';

const DEFAULT = 'round-robin';

export const BALANCING: BalancingSupport = {
  algorithms: BALANCING_ALGORITHMS,
  default: DEFAULT,
  weights: true,
  connections: true,
  proxyProtocol: true,
};

const ALGORITHMS: Readonly<Record<BalancingAlgorithm, (random: Random, turnsOf: TurnsOf) => Algorithm>> = {
  'round-robin': (_, turnsOf) => createRoundRobin(turnsOf),
  random: createRandomChoice,
  'least-connections': (_, turnsOf) => createLeastConnections(turnsOf),
  maglev: createMaglev,
};

export interface Balancer {
  /** `count` endpoints in the order to try them, repeated if there are fewer. Empty: there is no endpoint. */
  candidates(request: BalancerRequest, count: number): readonly DesiredEndpoint[];
  /** The client is connected to this endpoint. */
  connected(request: Pick<BalancerRequest, 'affinity' | 'client' | 'now'>, endpoint: DesiredEndpoint): void;
}

interface BalancerRequest extends AlgorithmRequest, Pick<DesiredServicePort, 'affinity' | 'balancing'> {
  /** The endpoints of the route. */
  readonly endpoints: readonly DesiredEndpoint[];
  readonly now: number;
}

export function createBalancer(
  random: Random,
  state: Pick<UpstreamState, 'sessions' | 'turnsOf' | 'orderOf'> = createUpstreamState(random),
): Balancer {
  const orderOf = perList((endpoints) => shuffled(endpoints, state.orderOf(endpoints)));
  const algorithms = new Map<BalancingAlgorithm, Algorithm>();
  const algorithmOf = (name: BalancingAlgorithm): Algorithm => {
    const known = algorithms.get(name) ?? ALGORITHMS[name](random, state.turnsOf);
    algorithms.set(name, known);
    return known;
  };
  const table = createAffinityTable(state.sessions);
  return {
    candidates(request, count) {
      const { endpoints, affinity, client, now } = request;
      if (endpoints.length === 0) return [];
      const order = orderOf(endpoints);
      const known = affinity === null ? null : table.find({ client, affinity, now }, endpoints);
      const first =
        known === null
          ? algorithmOf(request.balancing ?? DEFAULT).choose(order, request)
          : order.indexOf(known);
      return Array.from({ length: count }, (_, at) => order[(first + at) % order.length] as DesiredEndpoint);
    },
    connected({ affinity, client, now }, endpoint) {
      if (affinity !== null) table.remember({ client, affinity, now }, endpoint);
    },
  };
}

/** By the address of the client: the same endpoint from every node, and for most clients also after other endpoints are added or removed. */
function createMaglev(): Algorithm {
  const tableOf = perList((endpoints) => maglevTable(endpoints));
  return {
    choose(endpoints, { client }) {
      const table = tableOf(endpoints);
      return table[maglevSlot(client, table)] ?? 0;
    },
  };
}

/** Fisher-Yates. */
function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] as T, order[last] as T];
  }
  return order;
}
