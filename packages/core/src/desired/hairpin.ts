import type { DesiredEndpoint } from './desired-state.ts';

/**
 * S37: whether connections of this endpoint to itself can pass this node. What a pod of another node sends to a VIP is
 * redirected on that node, and does not reach this one.
 */
export function mayReachItself(endpoint: DesiredEndpoint): boolean {
  return endpoint.isLocal || endpoint.onUnknownNode === true;
}
