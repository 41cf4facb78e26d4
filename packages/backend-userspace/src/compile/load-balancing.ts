/**
 * Round robin over the endpoints of one service port, in an order that is shuffled when its endpoints change. Session
 * affinity takes precedence. Pure: time and randomness are arguments.
 */
import type { BalancingSupport, DesiredEndpoint, DesiredServicePort } from '@signalbox/core';
import { createAffinityTable } from './session-affinity.ts';

export const BALANCING: BalancingSupport = {
  algorithms: ['round-robin'],
  default: 'round-robin',
  weights: false,
};

export interface Balancer {
  /** `count` endpoints in the order to try them, repeated if there are fewer. Empty: there is no endpoint. */
  candidates(request: BalancerRequest, count: number): readonly DesiredEndpoint[];
  /** The client is connected to this endpoint. */
  connected(request: Pick<BalancerRequest, 'affinity' | 'client' | 'now'>, endpoint: DesiredEndpoint): void;
}

interface BalancerRequest {
  /** The endpoints of the route. */
  readonly endpoints: readonly DesiredEndpoint[];
  readonly affinity: DesiredServicePort['affinity'];
  readonly client: string;
  readonly now: number;
}

interface Rotation {
  readonly order: readonly DesiredEndpoint[];
  next: number;
}

export function createBalancer(random: () => number): Balancer {
  const rotations = new WeakMap<readonly DesiredEndpoint[], Rotation>();
  const table = createAffinityTable();
  const rotationOf = (endpoints: readonly DesiredEndpoint[]): Rotation => {
    const known = rotations.get(endpoints);
    if (known !== undefined) return known;
    const rotation = { order: shuffled(endpoints, random), next: 0 };
    rotations.set(endpoints, rotation);
    return rotation;
  };
  return {
    candidates({ endpoints, affinity, client, now }, count) {
      if (endpoints.length === 0) return [];
      const known = affinity === null ? null : table.find(client, endpoints, affinity, now);
      const rotation = rotationOf(endpoints);
      const rest = upcoming(rotation, known === null ? count : count - 1);
      if (known !== null) return [known, ...rest];
      rotation.next = (rotation.next + 1) % rotation.order.length;
      return rest;
    },
    connected({ affinity, client, now }, endpoint) {
      if (affinity !== null) table.remember(client, endpoint, now);
    },
  };
}

function upcoming({ order, next }: Rotation, count: number): readonly DesiredEndpoint[] {
  return Array.from({ length: count }, (_, at) => order[(next + at) % order.length] as DesiredEndpoint);
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
