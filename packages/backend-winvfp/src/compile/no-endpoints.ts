/**
 * HNS can only forward: a frontend without endpoints has no load balancer, and its packets continue
 * without an answer, as if no Service existed. An old load balancer must not stay: it would send clients to pods that are gone.
 */
import type { Chosen } from './load-balancing.ts';

export function hasLoadBalancer(chosen: Chosen): boolean {
  return chosen.endpoints.length > 0;
}

export const NO_ENDPOINTS_REASON =
  'without endpoints there is no load balancer: packets pass on, neither refused nor dropped';
