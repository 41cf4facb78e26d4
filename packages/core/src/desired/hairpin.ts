import type { DesiredEndpoint } from './desired-state.ts';

/**
 * S37: whether connections of this endpoint to itself can pass this node. What a pod of another node sends to a VIP is
 * redirected there, before it can come by.
 */
export function mayReachItself(endpoint: DesiredEndpoint): boolean {
  return endpoint.isLocal || endpoint.onUnknownNode === true;
}
